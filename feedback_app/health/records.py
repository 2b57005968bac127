"""What is known of one notice, kept under `notice|<kind>|<subject>` on the topic `cursors`.

The records are there, and not in one worker or in Slack's history, so that a new leader goes on
where the one before it stopped, also where Slack is down or no operations channel is set.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from feedback_app.health.notices_list import NOTICES
from models import Cursor, rfc3339

KEY_PREFIX = "notice|"
TICK_S = 0.001


class Key(NamedTuple):
    """What a notice is about: a kind of the list, and a source, stage, channel or worker."""

    kind: str
    subject: str

    @property
    def record_key(self) -> str:
        """The Kafka key of its record."""
        return f"{KEY_PREFIX}{self.kind}|{self.subject}"


class Condition(NamedTuple):
    """Something that is wrong now.

    `since` is when it began, in Unix seconds, where that is known better than by looking. `mark` is
    a count that the condition's end is measured by.
    """

    text: str
    since: float | None = None
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One notice; times in Unix seconds.

    `told` says that the message of its start stands in Slack. With `until` the condition is over
    and the message of its end is due; after that one the record is deleted.
    """

    since: float
    text: str
    mark: int = 0
    told: bool = False
    until: float | None = None
    at: float = 0.0

    def start(self, key: Key) -> str:
        """Return the text of the message at the start."""
        title = NOTICES[key.kind].title
        return f"⚠️ {title}: {self.text} ({clock(self.since)}; runbook: {key.kind})"

    def end(self, key: Key) -> str:
        """Return the text of the message at the end."""
        title, until = NOTICES[key.kind].title, self.until or self.since
        name = f" ({key.subject})" if key.subject else ""
        lasted = duration(until - self.since)
        return f"✅ {title}{name}: over after {lasted}, {clock(self.since)} to {clock(until)}"

    def message_id(self, key: Key, *, end: bool) -> str:
        """Return the id in a message's metadata: of key and start time, the same for any worker."""
        words = f"{key.record_key}|{self.since:.3f}|{'end' if end else 'start'}"
        return hashlib.sha256(words.encode()).hexdigest()[:32]

    def cursor(self, key: Key, now: float) -> Cursor:
        """Return the record to write; never older than the one that it replaces."""
        fields = asdict(self) | {"at": None}
        at = rfc3339(max(now, self.at + TICK_S))
        return Cursor(source=key.record_key, position=orjson.dumps(fields).decode(), at=at)


def read(cursors: Mapping[str, Cursor]) -> dict[Key, Record]:
    """Return the notices among the cursors; what this build does not know is left out."""
    found = {}
    for name, cursor in cursors.items():
        prefix, _, rest = name.partition("|")
        kind, _, subject = rest.partition("|")
        if f"{prefix}|" == KEY_PREFIX and kind in NOTICES:
            record = _record(cursor)
            if record is not None:
                found[Key(kind, subject)] = record
    return found


def clock(seconds: float) -> str:
    """Return a time of the day in UTC, for a person."""
    return f"{datetime.fromtimestamp(seconds, UTC):%b %d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Return a length of time, for a person."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _record(cursor: Cursor) -> Record | None:
    try:
        data: dict[str, Any] = orjson.loads(cursor.position)
        at = datetime.fromisoformat(cursor.at or "").timestamp()
        return Record(**(data | {"at": at}))
    except (ValueError, TypeError):
        return None

"""The state of a notice, stored under `notice|<kind>|<subject>` on the topic `cursors`.

It is stored there, not in a worker or in Slack's history, so that a new leader resumes where its
predecessor stopped, even while Slack is down or without an operations channel.
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
JSON_NAMES = {"baseline": "mark", "start_posted": "told"}
"""Fields of a record whose name in JSON is another."""
ATTRIBUTES = {name: field for field, name in JSON_NAMES.items()}


class Key(NamedTuple):
    """Identifies a notice: its kind, and the source, stage, channel or worker concerned."""

    kind: str
    subject: str

    @property
    def record_key(self) -> str:
        """The Kafka key of its record."""
        return f"{KEY_PREFIX}{self.kind}|{self.subject}"


class Condition(NamedTuple):
    """A problem that exists now.

    `since` is when it began (Unix seconds), or None if that is when it was first seen. `baseline`
    is the count that must be exceeded for the condition to end.
    """

    text: str
    since: float | None = None
    baseline: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One notice; times in Unix seconds.

    `start_posted` tells whether the start message is in Slack. Once `until` is set, the condition
    is over and the end message is due; after that message the record is deleted. `at` is when the
    record was written.
    """

    since: float
    text: str
    baseline: int = 0
    start_posted: bool = False
    until: float | None = None
    at: float = 0.0

    def start(self, key: Key) -> str:
        """Return the text of the start message."""
        title = NOTICES[key.kind].title
        return f"⚠️ {title}: {self.text} ({clock(self.since)}; runbook: {key.kind})"

    def end(self, key: Key) -> str:
        """Return the text of the end message."""
        title, until = NOTICES[key.kind].title, self.until or self.since
        name = f" ({key.subject})" if key.subject else ""
        lasted = duration(until - self.since)
        return f"✅ {title}{name}: over after {lasted}, {clock(self.since)} to {clock(until)}"

    def message_id(self, key: Key, *, end: bool) -> str:
        """Return the id for a message's metadata, which is the same on every worker."""
        words = f"{key.record_key}|{self.since:.3f}|{'end' if end else 'start'}"
        return hashlib.sha256(words.encode()).hexdigest()[:32]

    def cursor(self, key: Key, now: float) -> Cursor:
        """Return the record to write, with a later time than the one that it replaces."""
        fields = {JSON_NAMES.get(name, name): value for name, value in asdict(self).items()}
        fields["at"] = None
        at = rfc3339(max(now, self.at + TICK_S))
        return Cursor(source=key.record_key, position=orjson.dumps(fields).decode(), at=at)


def read(cursors: Mapping[str, Cursor]) -> dict[Key, Record]:
    """Return the notices among the cursors; skips what this version cannot read."""
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
    """Return a date and time in UTC, for display."""
    return f"{datetime.fromtimestamp(seconds, UTC):%b %d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Return a length of time, for display."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _record(cursor: Cursor) -> Record | None:
    try:
        data: dict[str, Any] = orjson.loads(cursor.position)
        at = datetime.fromisoformat(cursor.at or "").timestamp()
        fields = {ATTRIBUTES.get(name, name): value for name, value in data.items()}
        return Record(**(fields | {"at": at}))
    except (ValueError, TypeError, AttributeError):
        return None

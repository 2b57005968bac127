"""What the conditions are judged by."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from feedback_app.health.records import Condition, Key, Record
from feedback_app.settings import Settings
from feedback_app.stats.ledger import Ledger
from models import Cursor, WorkerStatus, from_rfc3339

Found = Iterator[tuple[Key, Condition]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What every worker knows at `now` (Unix seconds); `records` are the notices on record."""

    settings: Settings
    ledger: Ledger
    cursors: Mapping[str, Cursor]
    paused: Callable[[str], bool]
    records: Mapping[Key, Record]
    now: float

    @property
    def live(self) -> list[WorkerStatus]:
        """The last words of each live worker."""
        return self.ledger.workers(self.now)

    def is_open(self, key: Key) -> bool:
        """Whether a notice of this key has begun and not ended."""
        record = self.records.get(key)
        return record is not None and record.until is None


def said_of(live: list[WorkerStatus], source: str) -> list[tuple[float, dict[str, Any]]]:
    """Return what workers say of a source, each with when it came to that; the newest last."""
    said = [
        (from_rfc3339(status.sources[source].get("at") or status.at), status.sources[source])
        for status in live
        if source in status.sources
    ]
    return sorted(said, key=lambda one: one[0])

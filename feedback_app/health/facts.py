"""The facts that the conditions are evaluated on."""

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
    """The state of the cluster at `now` (Unix seconds); `records` are the recorded notices."""

    settings: Settings
    ledger: Ledger
    cursors: Mapping[str, Cursor]
    paused: Callable[[str], bool]
    records: Mapping[Key, Record]
    now: float

    @property
    def live(self) -> list[WorkerStatus]:
        """The last status of each live worker."""
        return self.ledger.workers(self.now)

    def is_open(self, key: Key) -> bool:
        """Whether a notice with this key has started and not ended."""
        record = self.records.get(key)
        return record is not None and record.until is None


def reports_of(live: list[WorkerStatus], source: str) -> list[tuple[float, dict[str, Any]]]:
    """Return (since when in Unix seconds, state) of a source on each worker, the newest last."""
    reports = [
        (from_rfc3339(status.sources[source].get("at") or status.at), status.sources[source])
        for status in live
        if source in status.sources
    ]
    return sorted(reports, key=lambda one: one[0])

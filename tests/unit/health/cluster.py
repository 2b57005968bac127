"""A simulated cluster: accounting records and heartbeats, written as workers write them."""

from typing import Any

from feedback_app.health.facts import Facts
from feedback_app.health.notices_list import SOURCE_SILENT
from feedback_app.health.records import Condition, Key, Record
from feedback_app.health.watch import conditions
from feedback_app.load_settings import load
from feedback_app.stats.ledger import Ledger
from models import Account, Cursor, WorkerStatus, rfc3339

START = 1_790_000_040.0
ENVIRON = {
    "FEEDBACK_X_QUERY": "larkbox",
    "FEEDBACK_X_BEARER_TOKEN": "x-token",
    "FEEDBACK_SLACK_CHANNELS": "#customers",
    "FEEDBACK_SLACK_BOT_TOKEN": "xoxb-token",
    "FEEDBACK_SLACK_APP_TOKEN": "xapp-token",
    "FEEDBACK_OPS_CHANNEL": "#ops",
}
SILENT = Key(SOURCE_SILENT, "x")


class Cluster:
    """Two sources, `x` and `slack`, and the workers for which a test sends heartbeats."""

    def __init__(self, **environ: str) -> None:
        self.settings = load(ENVIRON | environ)
        self.ledger = Ledger()
        self.cursors: dict[str, Cursor] = {}
        self.records: dict[Key, Record] = {}
        self.paused: set[str] = set()
        self.now = START
        self._offset = 0

    def beat(self, worker: str = "w1", started_at: float = START, **fields: Any) -> None:
        """Write a worker's heartbeat now; `sources` is {id: state or status}."""
        sources = {
            name: {"state": one, "at": rfc3339(self.now)} if isinstance(one, str) else one
            for name, one in fields.pop("sources", {"x": "running", "slack": "running"}).items()
        }
        self.ledger.apply(
            WorkerStatus(
                id=worker,
                at=rfc3339(self.now),
                started_at=rfc3339(started_at),
                partitions={},
                sources=sources,
                **({"stages": {}, "faults": {}} | fields),
            )
        )
        self.polled()

    def polled(self, source: str = "x") -> None:
        """Write a cursor, as the end of a poll does."""
        self.cursors[source] = Cursor(source=source, position="1", at=rfc3339(self.now))

    def count(self, stage: str, **counts: dict[str, int]) -> None:
        """Write an accounting record with these counts, at the next offset."""
        self._offset += 1
        minute = rfc3339(self.now // 60 * 60)
        self.ledger.apply(
            Account(
                stage=stage,
                # A new partition each time, so that no record replaces another.
                partition=self._offset,
                minute=minute,
                offset=self._offset,
                counts=counts,
            )
        )

    def deliver(self, source: str, n: int = 1) -> None:
        """Count messages of a source in the current minute."""
        self.count("sentiment", **{source: {"ingested": n, "scored": n}})

    def later(self, seconds: float, **beat: Any) -> None:
        """Advance the time, then send a heartbeat."""
        self.now += seconds
        self.beat(**beat)

    @property
    def facts(self) -> Facts:
        """The facts that a leader would evaluate now."""
        return Facts(
            settings=self.settings,
            ledger=self.ledger,
            cursors=self.cursors,
            paused=lambda source: source in self.paused,
            records=self.records,
            now=self.now,
        )

    def conditions(self) -> dict[Key, Condition]:
        """Return the current conditions."""
        return conditions(self.facts)

    def kinds(self, subject: str | None = None) -> set[str]:
        """Return the kinds of the current conditions, of one subject or of all."""
        return {key.kind for key in self.conditions() if subject is None or key.subject == subject}

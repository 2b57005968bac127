"""What was seen in Kafka and in the sandbox's log, decoded by hand; pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from chaos import poison

ALERT_EVENT = "feedback_alert"


class Record(NamedTuple):
    """A Kafka record; `at` is when it was seen here, in monotonic seconds."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    at: float


class Verdict(NamedTuple):
    """One record of `scored`."""

    id: str
    revision: int
    deleted: bool
    score: float | None
    text: str
    source: str
    origin: tuple[int, int]
    """Partition and offset of its raw record."""


class Alert(NamedTuple):
    """One record of `alerts`."""

    id: str
    op: str
    rule: str
    channel: str
    feedback_id: str
    revision: int


@dataclass
class Topics:
    """What stands in the topics."""

    raw: dict[tuple[int, int], tuple[str, float]] = field(default_factory=dict)
    """(partition, offset) to source and time of arrival."""
    scored: list[Verdict] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    dead: list[dict[str, Any]] = field(default_factory=list)
    poison: dict[tuple[int, int], bytes | None] = field(default_factory=dict)
    """(partition, offset) of each poison record in `raw` to its value."""
    progress: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    """Partition of `raw` to (time, offset up to which the sentiment stage has accounted)."""

    def take(self, name: str, record: Record) -> None:
        """Take in one record of the topic called `name` (without its prefix)."""
        getattr(self, f"_take_{name.replace('-', '_')}")(record)

    def _take_raw(self, record: Record) -> None:
        place = (record.partition, record.offset)
        try:
            if (record.key or b"").startswith(poison.KEY):
                raise ValueError("planted")
            source = orjson.loads(record.value or b"").get("source", "webhook")
        except (ValueError, AttributeError):
            source, self.poison[place] = "unknown", record.value
        self.raw[place] = (source, record.at)

    def _take_scored(self, record: Record) -> None:
        data = orjson.loads(record.value or b"")
        said = data["feedback"]
        self.scored.append(
            Verdict(
                said["id"],
                said["revision"],
                said["kind"] == "delete",
                data["score"],
                said["text"],
                said["source"],
                (data["partition"], data["offset"]),
            )
        )

    def _take_alerts(self, record: Record) -> None:
        data = orjson.loads(record.value or b"")
        self.alerts.append(Alert(*(data[name] for name in Alert._fields)))

    def _take_deliveries(self, record: Record) -> None:
        if record.value is not None:
            data = orjson.loads(record.value)
            self.deliveries[data["id"]] = data

    def _take_dead_letters(self, record: Record) -> None:
        self.dead.append(orjson.loads(record.value or b""))

    def _take_stats(self, record: Record) -> None:
        if record.key is not None and record.key.startswith(b"sentiment|"):
            data = orjson.loads(record.value or b"")
            self.progress.setdefault(data["partition"], []).append((record.at, data["offset"]))


class Item(NamedTuple):
    """What a person has last said, or that it was taken away."""

    kind: str
    text: str


class Message(NamedTuple):
    """A message of the app that stands in Slack."""

    text: str
    alerts: tuple[str, ...]


@dataclass
class Outside:
    """What the sandbox's log says: what people said, and what the app posted."""

    listened: tuple[str, ...] = ("#feedback", "#product")
    items: dict[str, Item] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    posted: Counter[str] = field(default_factory=Counter)
    """How often each alert was ever posted."""
    posted_at: dict[str, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)

    def take(self, entry: dict[str, Any]) -> None:
        """Take in one entry of the log."""
        event = entry["event"]
        if event == "put":
            if entry["platform"] == "x" or entry["channel"] in self.listened:
                self.items[f"{entry['platform']}:{entry['id']}"] = Item(
                    entry["kind"], entry["text"]
                )
        elif event == "posted":
            for alert in self._keep(entry):
                self.posted[alert] += 1
                self.posted_at.setdefault(alert, []).append(entry["at"])
        elif event == "updated":
            self._keep(entry)
        elif event == "deleted":
            self.messages.pop((entry["channel_id"], entry["ts"]), None)
        elif event == "fault":
            self.faults[entry["name"]] += 1
        elif event == "refused":
            self.refused[entry["status"]] += 1

    def _keep(self, entry: dict[str, Any]) -> tuple[str, ...]:
        metadata = entry.get("metadata") or {}
        if metadata.get("event_type") != ALERT_EVENT:
            return ()
        alerts = tuple(metadata["event_payload"]["alerts"])
        self.messages[entry["channel_id"], entry["ts"]] = Message(entry["text"], alerts)
        return alerts

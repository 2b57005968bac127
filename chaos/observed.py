"""The observed records of Kafka and of the sandbox's log, decoded by hand; pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from chaos import poison

ALERT_EVENT = "feedback_alert"


class Record(NamedTuple):
    """A Kafka record; `at` is the time of observation in monotonic seconds."""

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
class TopicContents:
    """The contents of the topics."""

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

    def add(self, name: str, record: Record) -> None:
        """Add a record of the topic `name` (without its prefix)."""
        getattr(self, f"_add_{name.replace('-', '_')}")(record)

    def _add_raw(self, record: Record) -> None:
        place = (record.partition, record.offset)
        try:
            if (record.key or b"").startswith(poison.KEY):
                raise ValueError("planted")
            source = orjson.loads(record.value or b"").get("source", "webhook")
        except (ValueError, AttributeError):
            source, self.poison[place] = "unknown", record.value
        self.raw[place] = (source, record.at)

    def _add_scored(self, record: Record) -> None:
        data = orjson.loads(record.value or b"")
        feedback = data["feedback"]
        self.scored.append(
            Verdict(
                feedback["id"],
                feedback["revision"],
                feedback["kind"] == "delete",
                data["score"],
                feedback["text"],
                feedback["source"],
                (data["partition"], data["offset"]),
            )
        )

    def _add_alerts(self, record: Record) -> None:
        data = orjson.loads(record.value or b"")
        self.alerts.append(Alert(*(data[name] for name in Alert._fields)))

    def _add_deliveries(self, record: Record) -> None:
        if record.value is not None:
            data = orjson.loads(record.value)
            self.deliveries[data["id"]] = data

    def _add_dead_letters(self, record: Record) -> None:
        self.dead.append(orjson.loads(record.value or b""))

    def _add_stats(self, record: Record) -> None:
        if record.key is not None and record.key.startswith(b"sentiment|"):
            data = orjson.loads(record.value or b"")
            self.progress.setdefault(data["partition"], []).append((record.at, data["offset"]))


class Item(NamedTuple):
    """The latest version of a person's message, or its deletion (`kind`)."""

    kind: str
    text: str


class Message(NamedTuple):
    """A message of the app in Slack."""

    text: str
    alerts: tuple[str, ...]


@dataclass
class Platforms:
    """The log of the sandbox: what people wrote and what the app posted."""

    listened: tuple[str, ...] = ("#feedback", "#product")
    items: dict[str, Item] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    posted: Counter[str] = field(default_factory=Counter)
    """Posts of each alert, including deleted ones."""
    posted_at: dict[str, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)

    def add(self, entry: dict[str, Any]) -> None:
        """Add an entry of the log."""
        event = entry["event"]
        if event == "put":
            if entry["platform"] == "x" or entry["channel"] in self.listened:
                self.items[f"{entry['platform']}:{entry['id']}"] = Item(
                    entry["kind"], entry["text"]
                )
        elif event == "posted":
            for alert in self._add_message(entry):
                self.posted[alert] += 1
                self.posted_at.setdefault(alert, []).append(entry["at"])
        elif event == "updated":
            self._add_message(entry)
        elif event == "deleted":
            self.messages.pop((entry["channel_id"], entry["ts"]), None)
        elif event == "fault":
            self.faults[entry["name"]] += 1
        elif event == "refused":
            self.refused[entry["status"]] += 1

    def _add_message(self, entry: dict[str, Any]) -> tuple[str, ...]:
        metadata = entry.get("metadata") or {}
        if metadata.get("event_type") != ALERT_EVENT:
            return ()
        alerts = tuple(metadata["event_payload"]["alerts"])
        self.messages[entry["channel_id"], entry["ts"]] = Message(entry["text"], alerts)
        return alerts

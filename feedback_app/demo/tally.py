"""What the topics hold, read independently of the app: its own decoding, its own counting."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson


class Verdict(NamedTuple):
    """The newest that `scored` says of a feedback; `revision` orders, a deletion ends it."""

    deleted: bool
    revision: int
    score: float | None
    text: str


class Operation(NamedTuple):
    """The newest operation on an alert: `put` or `retract`."""

    op: str
    rule: str
    channel: str
    feedback_id: str


class Delivery(NamedTuple):
    """The newest that `deliveries` says of an alert."""

    status: str
    channel: str
    ts: str | None


@dataclass
class Tally:
    """The state of the topics after the records that were taken in, in partition order."""

    raw: set[str] = field(default_factory=set)
    scored: dict[str, Verdict] = field(default_factory=dict)
    alerts: dict[str, Operation] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    dead: list[dict[str, Any]] = field(default_factory=list)
    unreadable: Counter[str] = field(default_factory=Counter)

    def take(self, name: str, key: bytes | None, value: bytes | None) -> None:
        """Take in one record of the topic called `name` (without its prefix)."""
        if value is None:
            return
        try:
            data = orjson.loads(value)
            getattr(self, f"_take_{name.replace('-', '_')}")(data)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self.unreadable[name] += 1

    def _take_raw(self, data: Mapping[str, Any]) -> None:
        self.raw.add(data["id"])

    def _take_scored(self, data: Mapping[str, Any]) -> None:
        feedback = data["feedback"]
        deleted = feedback.get("kind") == "delete"
        verdict = Verdict(deleted, feedback.get("revision", 0), data["score"], feedback["text"])
        known = self.scored.get(feedback["id"])
        if known is None or verdict[:2] >= known[:2]:
            self.scored[feedback["id"]] = verdict

    def _take_alerts(self, data: Mapping[str, Any]) -> None:
        self.alerts[data["id"]] = Operation(
            data["op"], data["rule"], data["channel"], data["feedback_id"]
        )

    def _take_deliveries(self, data: Mapping[str, Any]) -> None:
        self.deliveries[data["id"]] = Delivery(data["status"], data["channel"], data.get("ts"))

    def _take_dead_letters(self, data: Mapping[str, Any]) -> None:
        self.dead.append({"topic": data["topic"], "stage": data["stage"], "reason": data["reason"]})

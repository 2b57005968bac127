"""The state of the topics, decoded and counted independently of the app."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson


class Verdict(NamedTuple):
    """The latest score of a feedback; ordered by `revision`, a deletion is final."""

    deleted: bool
    revision: int
    score: float | None
    text: str


class Operation(NamedTuple):
    """The latest operation on an alert: `put` or `retract`."""

    op: str
    rule: str
    channel: str
    feedback_id: str


class Delivery(NamedTuple):
    """The latest delivery status of an alert."""

    status: str
    channel: str
    ts: str | None


@dataclass
class Tally:
    """The state of the topics after the records applied so far, in partition order."""

    raw: set[str] = field(default_factory=set)
    scored: dict[str, Verdict] = field(default_factory=dict)
    alerts: dict[str, Operation] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    dead: list[dict[str, Any]] = field(default_factory=list)
    unreadable: Counter[str] = field(default_factory=Counter)

    def apply(self, name: str, key: bytes | None, value: bytes | None) -> None:
        """Apply one record of the topic `name` (without its prefix); count an unreadable one."""
        if value is None:
            return
        try:
            data = orjson.loads(value)
            getattr(self, f"_apply_{name.replace('-', '_')}")(data)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self.unreadable[name] += 1

    def _apply_raw(self, data: Mapping[str, Any]) -> None:
        self.raw.add(data["id"])

    def _apply_scored(self, data: Mapping[str, Any]) -> None:
        feedback = data["feedback"]
        deleted = feedback.get("kind") == "delete"
        verdict = Verdict(deleted, feedback.get("revision", 0), data["score"], feedback["text"])
        previous = self.scored.get(feedback["id"])
        if previous is None or verdict[:2] >= previous[:2]:
            self.scored[feedback["id"]] = verdict

    def _apply_alerts(self, data: Mapping[str, Any]) -> None:
        self.alerts[data["id"]] = Operation(
            data["op"], data["rule"], data["channel"], data["feedback_id"]
        )

    def _apply_deliveries(self, data: Mapping[str, Any]) -> None:
        self.deliveries[data["id"]] = Delivery(data["status"], data["channel"], data.get("ts"))

    def _apply_dead_letters(self, data: Mapping[str, Any]) -> None:
        self.dead.append({"topic": data["topic"], "stage": data["stage"], "reason": data["reason"]})

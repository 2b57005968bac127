"""The demo's report and whether its accounts balance: pure functions of topics and sandbox log."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from feedback_app.demo.outside import Outside
from feedback_app.demo.tally import Tally

NEAR = 0.005
"""How close a score is to a threshold for a rounding of the model to decide."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The two rules: negative below, positive above."""

    below: float
    above: float

    def rules_of(self, score: float | None) -> tuple[str, ...]:
        """Return the rules that a score meets."""
        if score is None:
            return ()
        return ("negative",) * (score < self.below) + ("positive",) * (score > self.above)


@dataclass(frozen=True, slots=True)
class Report:
    """What `demo --report` writes."""

    ingested: int
    scored: int
    alerts: dict[str, int]
    delivered: int
    dead_letters: int
    duplicates: int
    pending: int
    near_threshold: list[dict[str, Any]]
    first_alert_s: float | None
    elapsed_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by their names."""
        return asdict(self)


def make_report(
    tally: Tally,
    outside: Outside,
    thresholds: Thresholds,
    channels: Mapping[str, str],
    *,
    started_at: float,
    elapsed_s: float,
) -> Report:
    """Return the report; `channels` is {channel id: `#name`}, times in seconds."""
    standing = {id: alert for id, alert in tally.alerts.items() if alert.op == "put"}
    counts = dict.fromkeys(channels.values(), 0)
    for alert in standing.values():
        name = channels.get(alert.channel, alert.channel)
        counts[name] = counts.get(name, 0) + 1
    delivered = len(_delivered(tally, outside))
    first = outside.first_alert_at
    return Report(
        ingested=len(tally.raw),
        scored=len(tally.scored),
        alerts=counts,
        delivered=delivered,
        dead_letters=len(tally.dead),
        duplicates=outside.duplicates(),
        pending=len(standing) - delivered,
        near_threshold=_near(tally, thresholds),
        first_alert_s=None if first is None else round(first - started_at, 3),
        elapsed_s=round(elapsed_s, 3),
    )


def differences(tally: Tally, outside: Outside, thresholds: Thresholds) -> list[str]:
    """Return what does not balance, one line each; an empty list means that all does."""
    played = set(outside.put)
    # X tells of no deletion: such a post may have been gone before anybody could search for it.
    gone = {id for id, kind in outside.put.items() if kind == "delete" and id.startswith("x:")}
    expected = {
        (rule, id)
        for id, verdict in tally.scored.items()
        if not verdict.deleted
        for rule in thresholds.rules_of(verdict.score)
    }
    standing = {
        (alert.rule, alert.feedback_id) for alert in tally.alerts.values() if alert.op == "put"
    }
    still_there = {
        id
        for id, kind in outside.put.items()
        if kind == "delete" and id.startswith("slack:") and not _deleted(tally, id)
    }
    puts = sum(alert.op == "put" for alert in tally.alerts.values())
    pending = puts - len(_delivered(tally, outside))
    lines = {
        "played, but not in raw": len(played - gone - tally.raw),
        "in raw, but never played": len(tally.raw - played),
        "in raw, but not in scored": len(tally.raw - set(tally.scored)),
        "in scored, but not in raw": len(set(tally.scored) - tally.raw),
        "deleted in Slack, but not here": len(still_there),
        "beyond a threshold, but without an alert": len(expected - standing),
        "alerts without a score beyond a threshold": len(standing - expected),
        "alerts not delivered": pending,
        "Slack messages beyond one an alert": outside.duplicates(),
        "dead letters beyond the odd payloads": len(tally.dead) - outside.odd,
        "records that cannot be read": sum(tally.unreadable.values()),
    }
    return [f"{count} {what}" for what, count in lines.items() if count]


def _delivered(tally: Tally, outside: Outside) -> set[str]:
    """Return the alerts whose message stands in Slack where `deliveries` says."""
    found = set()
    for id, alert in tally.alerts.items():
        delivery = tally.deliveries.get(id)
        if alert.op != "put" or delivery is None or delivery.status != "posted":
            continue
        if outside.carries((delivery.channel, delivery.ts), id):
            found.add(id)
    return found


def _deleted(tally: Tally, id: str) -> bool:
    verdict = tally.scored.get(id)
    return verdict is not None and verdict.deleted


def _near(tally: Tally, thresholds: Thresholds) -> list[dict[str, Any]]:
    return [
        {"text": verdict.text, "score": verdict.score}
        for verdict in tally.scored.values()
        if verdict.score is not None
        and min(abs(verdict.score - thresholds.below), abs(verdict.score - thresholds.above))
        <= NEAR
    ]

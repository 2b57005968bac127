"""The demo's report and its balance check: pure functions of topics and sandbox log."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from feedback_app.demo.sandbox_state import SandboxState
from feedback_app.demo.tally import Tally

NEAR_THRESHOLD = 0.005
"""Scores this close to a threshold can fall on either side due to rounding in the model."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of the rules: negative below, positive above."""

    below: float
    above: float

    def rules_of(self, score: float | None) -> tuple[str, ...]:
        """Return the rules that a score matches."""
        if score is None:
            return ()
        return ("negative",) * (score < self.below) + ("positive",) * (score > self.above)


@dataclass(frozen=True, slots=True)
class Report:
    """The content of `demo --report`."""

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
        """Return the fields by name."""
        return asdict(self)


def make_report(
    tally: Tally,
    sandbox: SandboxState,
    thresholds: Thresholds,
    channels: Mapping[str, str],
    *,
    started_at: float,
    elapsed_s: float,
) -> Report:
    """Return the report; `channels` is {channel id: `#name`}, times in seconds."""
    open_alerts = {id: alert for id, alert in tally.alerts.items() if alert.op == "put"}
    counts = dict.fromkeys(channels.values(), 0)
    for alert in open_alerts.values():
        name = channels.get(alert.channel, alert.channel)
        counts[name] = counts.get(name, 0) + 1
    delivered = len(_delivered(tally, sandbox))
    first = sandbox.first_alert_at
    return Report(
        ingested=len(tally.raw),
        scored=len(tally.scored),
        alerts=counts,
        delivered=delivered,
        dead_letters=len(tally.dead),
        duplicates=sandbox.duplicates(),
        pending=len(open_alerts) - delivered,
        near_threshold=_near(tally, thresholds),
        first_alert_s=None if first is None else round(first - started_at, 3),
        elapsed_s=round(elapsed_s, 3),
    )


def differences(tally: Tally, sandbox: SandboxState, thresholds: Thresholds) -> list[str]:
    """Return one line per imbalance; an empty list if everything balances."""
    played = set(sandbox.put)
    # X does not report deletions: the post may have been deleted before it was searchable.
    deleted_on_x = {
        id for id, kind in sandbox.put.items() if kind == "delete" and id.startswith("x:")
    }
    expected = {
        (rule, id)
        for id, verdict in tally.scored.items()
        if not verdict.deleted
        for rule in thresholds.rules_of(verdict.score)
    }
    open_alerts = {
        (alert.rule, alert.feedback_id) for alert in tally.alerts.values() if alert.op == "put"
    }
    not_deleted = {
        id
        for id, kind in sandbox.put.items()
        if kind == "delete" and id.startswith("slack:") and not _deleted(tally, id)
    }
    puts = sum(alert.op == "put" for alert in tally.alerts.values())
    pending = puts - len(_delivered(tally, sandbox))
    lines = {
        "played, but not in raw": len(played - deleted_on_x - tally.raw),
        "in raw, but never played": len(tally.raw - played),
        "in raw, but not in scored": len(tally.raw - set(tally.scored)),
        "in scored, but not in raw": len(set(tally.scored) - tally.raw),
        "deleted in Slack, but not here": len(not_deleted),
        "beyond a threshold, but without an alert": len(expected - open_alerts),
        "alerts without a score beyond a threshold": len(open_alerts - expected),
        "alerts not delivered": pending,
        "Slack messages beyond one per alert": sandbox.duplicates(),
        "dead letters beyond the malformed payloads": len(tally.dead) - sandbox.malformed,
        "records that cannot be read": sum(tally.unreadable.values()),
    }
    return [f"{count} {what}" for what, count in lines.items() if count]


def _delivered(tally: Tally, sandbox: SandboxState) -> set[str]:
    """Return the alerts whose message exists in Slack where `deliveries` records it."""
    found = set()
    for id, alert in tally.alerts.items():
        delivery = tally.deliveries.get(id)
        if alert.op != "put" or delivery is None or delivery.status != "posted":
            continue
        if sandbox.has_alert((delivery.channel, delivery.ts), id):
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
        <= NEAR_THRESHOLD
    ]

"""Conditions of stages, channels, accounting and workers. Pure."""

from collections.abc import Sequence

from feedback_app.health import notices_list as kinds
from feedback_app.health.facts import Facts, Found
from feedback_app.health.records import Condition, Key, clock, duration
from feedback_app.stats.stats_json import ENDS, OUTCOMES, stats
from feedback_app.stats.workers import watched_since
from models import WorkerStatus, from_rfc3339

LATE_S = 120.0
"""A stage lags if its backlog would take longer than this at its present rate."""
LAGGING = ("sentiment", "alerts", "delivery")
"""Not `polls`: its source has a notice of its own."""
CHANNEL = "channel:"
"""Prefix of a worker's fault about a channel that refuses alerts."""
GONE_FOR_S = 24 * 3600.0
"""A lost worker is reported for this long, unless a new one replaces it."""


def behind_s(live: Sequence[WorkerStatus], stage: str) -> float:
    """Return how many seconds a stage needs for its backlog at its present rate."""
    parts = [status.stages[stage] for status in live if stage in status.stages]
    lag = sum(part.get("lag") or 0 for part in parts)
    rate = sum(part.get("per_second") or 0.0 for part in parts)
    if not lag:
        return 0.0
    return lag / rate if rate else float("inf")


def conditions(facts: Facts) -> Found:
    """Yield the conditions of everything but the sources."""
    yield from _stopped(facts)
    yield from _lagging(facts)
    yield from _refused(facts)
    yield from _unbalanced(facts)
    yield from _gone(facts)


def _stopped(facts: Facts) -> Found:
    for status in facts.live:
        for stage, part in status.stages.items():
            if why := part.get("stopped"):
                key = Key(kinds.STAGE_STOPPED, f"{stage} on {status.id}")
                yield key, Condition(f"{stage} on worker {status.id}: {why}")


def _lagging(facts: Facts) -> Found:
    live = facts.live
    for stage in LAGGING:
        late = behind_s(live, stage)
        if late <= LATE_S:
            continue
        parts = [status.stages[stage] for status in live if stage in status.stages]
        lag = sum(part.get("lag") or 0 for part in parts)
        blocked_by = sorted({str(part["waiting_for"]) for part in parts if part.get("waiting_for")})
        text = f"{stage}: {lag} records behind"
        text += (
            f", {duration(late)} at this rate" if late < float("inf") else ", and makes no progress"
        )
        text += f"; blocked by: {'; '.join(blocked_by)}" if blocked_by else ""
        yield Key(kinds.STAGE_LAGGING, stage), Condition(text)


def _refused(facts: Facts) -> Found:
    """Yield channels that refuse alerts, from a worker's report until the next delivery.

    For a channel that no rule names any more, until no alert is pending.
    """
    counted = facts.ledger.totals("delivery")
    reported = {
        dependency.removeprefix(CHANNEL): text
        for status in facts.live
        for dependency, text in status.faults.items()
        if dependency.startswith(CHANNEL)
    }
    open_ones = {
        key.subject: record
        for key, record in facts.records.items()
        if key.kind == kinds.CHANNEL_REFUSED and record.until is None
    }
    ruled = {rule.channel for rule in facts.settings.rules}
    for name in sorted(reported.keys() | open_ones.keys()):
        counts = counted.get(name, {})
        # A retracted alert was delivered first, so this sum never decreases.
        delivered = counts.get("delivered", 0) + counts.get("retracted", 0)
        known = open_ones.get(name)
        if known is None:
            yield Key(kinds.CHANNEL_REFUSED, name), Condition(reported[name], baseline=delivered)
        elif name in reported or (
            delivered <= known.baseline and (name in ruled or counts.get("pending", 0) > 0)
        ):
            yield Key(kinds.CHANNEL_REFUSED, name), Condition(known.text, baseline=known.baseline)


def _unbalanced(facts: Facts) -> Found:
    figures = stats(facts.ledger, facts.settings, facts.now)
    wrong = [
        f"{group} {name}: {counts[whole]} {whole}, {sum(counts[part] for part in parts)} found"
        for group, table, whole, parts in (
            ("source", figures["sources"], "ingested", OUTCOMES),
            ("channel", figures["alerts"], "created", ENDS),
        )
        for name, counts in table.items()
        if counts[whole] != sum(counts[part] for part in parts)
    ]
    if wrong:
        yield Key(kinds.ACCOUNTS_UNBALANCED, ""), Condition("; ".join(wrong))


def _gone(facts: Facts) -> Found:
    """Yield workers whose heartbeat stopped while another was alive, until each is replaced."""
    live = facts.live
    since = watched_since(live, facts.now)
    lost = [(from_rfc3339(status.at), status.id) for status in facts.ledger.lost_workers(facts.now)]
    recent = sorted(one for one in lost if one[0] > max(since, facts.now - GONE_FOR_S))
    for rank, (at, worker) in enumerate(recent):
        replacements = sum(from_rfc3339(status.started_at) > at for status in live)
        if replacements <= rank:
            text = f"{worker}: no heartbeat since {clock(at)}, and no shutdown announced"
            yield Key(kinds.WORKER_GONE, worker), Condition(text, at)

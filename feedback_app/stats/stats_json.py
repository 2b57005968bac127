"""The figures of the whole cluster: the JSON of `/stats`, from the ledger. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from feedback_app.settings import Settings, SourceOptions
from feedback_app.stats.ledger import Ledger
from feedback_app.stats.silence import silence
from feedback_app.stats.workers import watched_since
from models import WorkerStatus, from_rfc3339, rfc3339

STAGES = ("polls", "sentiment", "alerts", "delivery")
FILTER = "filter:"
OUTCOMES = ("duplicate", "scored", "unscored", "deleted", "dead_lettered")
ENDS = ("delivered", "retracted", "dead_lettered", "pending")
CHANNEL_COUNTS = ("created", *ENDS, "duplicates_repaired")
UNKNOWN = "unknown"
SILENT = "silent"

Json = dict[str, Any]


def stats(ledger: Ledger, settings: Settings, now: float) -> Json:
    """Return the JSON of `/stats` at `now` (Unix seconds)."""
    live = ledger.workers(now)
    sources = _sources(ledger, settings, live, now)
    alerts = _alerts(ledger, settings)
    return {
        "as_of": rfc3339(now),
        "workers": [{"id": status.id, "partitions": status.partitions} for status in live],
        "sources": sources,
        "stages": {name: _stage(name, ledger, live) for name in STAGES},
        "alerts": alerts,
        "balanced": balanced(sources, alerts),
    }


def balanced(sources: Mapping[str, Json], alerts: Mapping[str, Json]) -> bool:
    """Whether all records of each source and channel are accounted for."""
    return all(
        source["ingested"] == sum(source[name] for name in OUTCOMES) for source in sources.values()
    ) and all(
        channel["created"] == sum(channel[name] for name in ENDS) for channel in alerts.values()
    )


def faults(live: Iterable[WorkerStatus]) -> dict[str, str]:
    """Return {dependency: what is wrong}, as the live workers report it."""
    return {dependency: text for status in live for dependency, text in status.faults.items()}


def source_details(live: Iterable[WorkerStatus]) -> dict[str, str]:
    """Return {source: detail of its state} of the sources that have one."""
    return {
        name: str(report["detail"])
        for name, report in _newest_reports(live).items()
        if report.get("detail") is not None
    }


def _sources(
    ledger: Ledger, settings: Settings, live: Sequence[WorkerStatus], now: float
) -> dict[str, Json]:
    counted, filtered = ledger.totals("sentiment"), ledger.totals(FILTER)
    reports = _newest_reports(live)
    configured = {source.id: source for source in settings.sources}
    since = watched_since(live, now)
    others = sorted((counted.keys() | filtered.keys() | reports.keys()).difference(configured))
    return {
        name: {
            "state": _state(ledger, configured.get(name), reports.get(name, {}), since, now),
            "last_message_at": _newest(
                status.sources[name].get("last_message_at")
                for status in live
                if name in status.sources
            ),
            "filtered": filtered.get(name, {}).get("filtered", 0),
            "ingested": counted.get(name, {}).get("ingested", 0),
            **{outcome: counted.get(name, {}).get(outcome, 0) for outcome in OUTCOMES},
        }
        for name in (*configured, *others)
    }


def _state(
    ledger: Ledger, source: SourceOptions | None, report: Json, watched: float, now: float
) -> str:
    state = str(report.get("state", UNKNOWN))
    if state != "running" or source is None:
        return state
    quiet = silence(ledger, source, report.get("last_message_at"), watched, now)
    return SILENT if quiet.too_long else state


def _newest_reports(live: Iterable[WorkerStatus]) -> dict[str, Json]:
    """Return {source: the newest report of its state by any worker}."""
    reports = [
        (from_rfc3339(state.get("at") or status.at), name, state)
        for status in live
        for name, state in status.sources.items()
    ]
    return {name: state for _, name, state in sorted(reports, key=lambda one: one[0])}


def _stage(name: str, ledger: Ledger, live: Sequence[WorkerStatus]) -> Json:
    parts = [status.stages[name] for status in live if name in status.stages]
    blocked_by = {str(part["waiting_for"]) for part in parts if part.get("waiting_for")}
    return {
        "lag": sum(part.get("lag") or 0 for part in parts),
        "per_second": round(sum(part.get("per_second") or 0.0 for part in parts), 2),
        "dead_lettered": sum(
            counts.get("dead_lettered", 0) for counts in ledger.totals(name).values()
        ),
        "waiting_for": "; ".join(sorted(blocked_by)) or None,
    }


def _alerts(ledger: Ledger, settings: Settings) -> dict[str, Json]:
    counted = ledger.totals("delivery")
    configured = list(dict.fromkeys(rule.channel for rule in settings.rules))
    return {
        name: {count: counted.get(name, {}).get(count, 0) for count in CHANNEL_COUNTS}
        for name in (*configured, *sorted(counted.keys() - set(configured)))
    }


def _newest(times: Iterable[str | None]) -> str | None:
    return max((text for text in times if text), key=from_rfc3339, default=None)

"""Conditions of sources. Pure."""

from collections.abc import Mapping
from typing import Any

from feedback_app.health import notices_list as kinds
from feedback_app.health.facts import Facts, Found, reports_of
from feedback_app.health.records import Condition, Key, clock, duration
from feedback_app.health.stages import behind_s
from feedback_app.settings import Source
from feedback_app.sources.registry import is_polled
from feedback_app.sources.schedule import intervals
from feedback_app.stats.silence import silence
from feedback_app.stats.workers import watched_since
from models import from_rfc3339

BY_STATE = {
    "failing": kinds.SOURCE_FAILING,
    "rate_limited": kinds.SOURCE_RATE_LIMITED,
    "unauthorised": kinds.SOURCE_UNAUTHORISED,
    "gap": kinds.SOURCE_GAP,
    "budget_spent": kinds.SOURCE_BUDGET_SPENT,
}
TOKEN_SHARED = "slack_token_shared"  # noqa: S105
"""Prefix of a failing Slack source's detail if another program uses its token."""
HEALTHY = ("running", "gap")
LATE_S = 300.0
LATE_POLLS = 10
"""A source lags if its last poll ended longer ago than both: seconds, and poll intervals."""
MAX_BACKLOG_S = 60.0
"""With a longer backlog in the sentiment stage, silence proves nothing: messages may be in it."""


def conditions(facts: Facts) -> Found:
    """Yield the conditions of all configured sources that are not paused."""
    polled = [source for source in facts.settings.sources if is_polled(source)]
    every = intervals(polled, facts.settings.x_poll_seconds)
    live = facts.live
    for source in facts.settings.sources:
        if facts.paused(source.id) or not live:
            continue
        status = _status(source, [status for _, status in reports_of(live, source.id)])
        yield from _by_state(source, status)
        yield from _silent(facts, source, status)
        if status.get("state") == "running" and source.id in every:
            yield from _lagging(facts, source, every[source.id])


def _status(source: Source, reported: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return a source's newest status; for Slack, the best status of all workers.

    Slack distributes events over all connections, so one that works is enough. A shared token
    affects all of them.
    """
    if source.type != "slack":
        return reported[-1] if reported else {}
    for status in reported:
        if str(status.get("detail") or "").startswith(TOKEN_SHARED):
            return status
    for state in ("running", "failing", "rate_limited", "unauthorised"):
        for status in reported:
            if status.get("state") == state:
                return status
    return reported[-1] if reported else {}


def _by_state(source: Source, status: Mapping[str, Any]) -> Found:
    detail = str(status.get("detail") or "")
    kind = BY_STATE.get(str(status.get("state")))
    if detail.startswith(TOKEN_SHARED):
        kind, detail = kinds.SLACK_TOKEN_SHARED, detail.removeprefix(TOKEN_SHARED).lstrip(": ")
    if kind is not None:
        yield Key(kind, source.id), Condition(f"{source.id}: {detail}" if detail else source.id)


def _silent(facts: Facts, source: Source, status: Mapping[str, Any]) -> Found:
    key = Key(kinds.SOURCE_SILENT, source.id)
    watched = None  # an open notice ends only with a message
    if not facts.is_open(key):
        if str(status.get("state", "running")) not in HEALTHY:
            return  # that state has its own notice
        if behind_s(facts.live, "sentiment") > MAX_BACKLOG_S:
            return
        watched = watched_since(facts.live, facts.now)
    found = silence(facts.ledger, source, status.get("last_message_at"), watched, facts.now)
    if found.too_long:
        last = "nothing yet" if found.heard is None else f"the last came {clock(found.heard)}"
        text = f"{source.id}: {last}; the limit is {duration(found.limit)} of silence"
        yield key, Condition(text, found.since)


def _lagging(facts: Facts, source: Source, every: float) -> Found:
    cursor = facts.cursors.get(source.id)
    at = 0.0 if cursor is None or cursor.at is None else from_rfc3339(cursor.at)
    late = facts.now - max(at, watched_since(facts.live, facts.now))
    if late > max(LATE_S, LATE_POLLS * every):
        text = (
            f"{source.id}: no poll has ended for {duration(late)}; one is due every {every:.0f} s"
        )
        yield Key(kinds.SOURCE_LAGGING, source.id), Condition(text)

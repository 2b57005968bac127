"""What is wrong with a source. Pure."""

from collections.abc import Mapping
from typing import Any

from feedback_app.health import notices_list as kinds
from feedback_app.health.facts import Facts, Found, said_of
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
"""What the detail of a failing Slack source begins with when others use its token."""
WELL = ("running", "gap")
LATE_S = 300.0
LATE_POLLS = 10
"""A source lags when its last poll ended so long, and so many polls, ago."""
READ_LATE_S = 60.0
"""A backlog in the scores longer than this says nothing of the source: it may have brought much."""


def conditions(facts: Facts) -> Found:
    """Yield what is wrong with each configured source that is not paused."""
    polled = [source for source in facts.settings.sources if is_polled(source)]
    every = intervals(polled, facts.settings.x_poll_seconds)
    live = facts.live
    for source in facts.settings.sources:
        if facts.paused(source.id) or not live:
            continue
        said = _state(source, [words for _, words in said_of(live, source.id)])
        yield from _by_state(source, said)
        yield from _silent(facts, source, said)
        if said.get("state") == "running" and source.id in every:
            yield from _lagging(facts, source, every[source.id])


def _state(source: Source, said: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return the newest words on a source; of Slack those of the worker that is best off.

    Slack spreads its events over the connections there are, so one that works is enough; a shared
    token is everybody's.
    """
    if source.type != "slack":
        return said[-1] if said else {}
    for words in said:
        if str(words.get("detail") or "").startswith(TOKEN_SHARED):
            return words
    for state in ("running", "failing", "rate_limited", "unauthorised"):
        for words in said:
            if words.get("state") == state:
                return words
    return said[-1] if said else {}


def _by_state(source: Source, said: Mapping[str, Any]) -> Found:
    detail = str(said.get("detail") or "")
    kind = BY_STATE.get(str(said.get("state")))
    if detail.startswith(TOKEN_SHARED):
        kind, detail = kinds.SLACK_TOKEN_SHARED, detail.removeprefix(TOKEN_SHARED).lstrip(": ")
    if kind is not None:
        yield Key(kind, source.id), Condition(f"{source.id}: {detail}" if detail else source.id)


def _silent(facts: Facts, source: Source, said: Mapping[str, Any]) -> Found:
    key = Key(kinds.SOURCE_SILENT, source.id)
    watched = None  # once it is told, only a message ends it
    if not facts.is_open(key):
        if str(said.get("state", "running")) not in WELL:
            return  # that is a notice of its own
        if behind_s(facts.live, "sentiment") > READ_LATE_S:
            return
        watched = watched_since(facts.live, facts.now)
    found = silence(facts.ledger, source, said.get("last_message_at"), watched, facts.now)
    if found.too_long:
        last = "nothing yet" if found.heard is None else f"the last came {clock(found.heard)}"
        text = f"{source.id}: {last}; {duration(found.limit)} of silence are worth a notice"
        yield key, Condition(text, found.since)


def _lagging(facts: Facts, source: Source, every: float) -> Found:
    cursor = facts.cursors.get(source.id)
    at = 0.0 if cursor is None or cursor.at is None else from_rfc3339(cursor.at)
    late = facts.now - max(at, watched_since(facts.live, facts.now))
    if late > max(LATE_S, LATE_POLLS * every):
        text = f"{source.id}: no poll has ended for {duration(late)}, one is due each {every:.0f} s"
        yield Key(kinds.SOURCE_LAGGING, source.id), Condition(text)

"""When each source is polled: fair shares of X's request limit, and the leader's timer. Pure."""

from collections.abc import Mapping, Sequence

from feedback_app.settings import Settings, Source
from feedback_app.sources.base import BudgetSpent, Context, SourceState
from feedback_app.sources.registry import is_polled
from feedback_app.sources.x.budget import REQUEST_WINDOW_S, Limits, allowed, key, tallies
from models import Cursor, PollRequest, from_rfc3339, rfc3339

WINDOW_REQUESTS = 450
"""X's limit on searches in 15 minutes, of the app and so of all its sources together."""
PLANNED_REQUESTS = 360
"""What the regular polls may use of it; the rest is for paging through bursts and gaps."""
STREAM_POLL_S = 300.0
"""How often a stream's query is searched as well, to close what a disconnect left open."""


def intervals(sources: Sequence[Source], default_s: float) -> dict[str, float]:
    """Return {source id: seconds between two polls}.

    Where all the wishes together are over the limit, the rates are cut at one height: a source
    that asks for less than its fair share keeps what it asked for.
    """
    wished = {
        source.id: REQUEST_WINDOW_S / (source.poll_seconds or _default(source, default_s))
        for source in sources
    }
    left, share = float(PLANNED_REQUESTS), {}
    ranked = sorted(wished.items(), key=lambda item: item[1])
    for done, (name, rate) in enumerate(ranked):
        share[name] = min(rate, left / (len(ranked) - done))
        left -= share[name]
    return {name: REQUEST_WINDOW_S / share[name] for name in wished}


def _default(source: Source, default_s: float) -> float:
    return STREAM_POLL_S if source.type == "x-stream" else default_s


def due(every: Mapping[str, float], last: Mapping[str, float], now: float) -> list[str]:
    """Return the ids whose last poll lies an interval back, the longest overdue first.

    A source without a last poll is due at once, and so is one whose last poll lies as far ahead: a
    clock was set back, or is another's.
    """
    late = {
        name: abs(now - last[name]) - seconds if name in last else float("inf")
        for name, seconds in every.items()
    }
    return sorted((name for name in late if late[name] >= 0), key=lambda name: -late[name])


class Timer:
    """The leader's timer: which requests to write on `polls`, and what keeps a source waiting."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._context = context
        self._limits = limits_of(settings)
        self._polled = {each.id: each for each in settings.sources if is_polled(each)}
        self._every = intervals(list(self._polled.values()), settings.x_poll_seconds)
        self._asked: dict[str, float] = {}

    def tick(self) -> list[PollRequest]:
        """Return the requests that are due now; to be called about once a second."""
        now, shared = self._context.clock.time(), self._context.shared
        spends = tallies(shared.cursors)
        held = [spend.at(now).requests for spend in spends.values()]
        every = {name: s for name, s in self._every.items() if not shared.paused(name)}
        for name in self._every.keys() - every.keys():
            self._context.report(name, SourceState("paused"))
        try:
            allowed(spends.values(), self._limits, now)
        except BudgetSpent as spent:
            every = self._without_x(every, SourceState("budget_spent", str(spent)))
        if sum(held) >= WINDOW_REQUESTS:
            detail = "the searches of this quarter of an hour are used up"
            every = self._without_x(every, SourceState("rate_limited", detail))
        ready = due(every, self._last(shared.cursors), now)
        self._asked.update(dict.fromkeys(ready, now))
        return [PollRequest(source=name, due_at=rfc3339(now)) for name in ready]

    def _without_x(self, every: dict[str, float], state: SourceState) -> dict[str, float]:
        for name in every:
            if self._polled[name].type.startswith("x-"):
                self._context.report(name, state)
        return {k: v for k, v in every.items() if not self._polled[k].type.startswith("x-")}

    def _last(self, cursors: Mapping[str, Cursor]) -> dict[str, float]:
        """Return when each source was last asked for, by this leader or by one before it."""
        found = dict(self._asked)
        for name in self._every:
            spend, cursor = cursors.get(key(name)), cursors.get(name)
            for at in (spend.at if spend else None, cursor.at if cursor else None):
                if at is not None and name not in self._asked:
                    found[name] = max(found.get(name, 0.0), from_rfc3339(at))
        return found


def limits_of(settings: Settings) -> Limits:
    """Return the budget of the settings."""
    return Limits(
        settings.x_daily_posts,
        settings.x_monthly_posts,
        settings.x_daily_users,
        settings.x_monthly_users,
    )

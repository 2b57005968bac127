"""When each source is polled: the leader's timer, and the spacing that it keeps."""

from collections.abc import Mapping

from feedback_app.settings import Settings
from feedback_app.sources.protocol import Context, SourceState
from feedback_app.sources.quota import Quota
from feedback_app.sources.registry import find
from models import Cursor, PollRequest, from_rfc3339, rfc3339


def intervals(settings: Settings) -> dict[str, float]:
    """Return {source id: seconds between two polls} of every source that is polled.

    A source gets the interval that it wishes, unless it shares a quota: that spaces its sources.
    """
    wished: dict[Quota | None, dict[str, float]] = {}
    for source in settings.sources:
        kind = find(source.type)
        seconds = None if kind.polled is None else kind.interval(source, settings)
        if seconds is not None:
            wished.setdefault(kind.quota, {})[source.id] = seconds
    every: dict[str, float] = {}
    for quota, group in wished.items():
        every |= group if quota is None else quota.spaced(group)
    return every


def due(every: Mapping[str, float], last: Mapping[str, float], now: float) -> list[str]:
    """Return the ids whose last poll is an interval ago, the longest overdue first. Pure.

    A source without a last poll is due at once. So is one whose last poll is an interval ahead: a
    clock was set back, or another worker's clock is ahead.
    """
    late = {
        name: abs(now - last[name]) - seconds if name in last else float("inf")
        for name, seconds in every.items()
    }
    return sorted((name for name in late if late[name] >= 0), key=lambda name: -late[name])


class Timer:
    """The leader's timer: which requests to write on `polls`, and what blocks a source."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._context = context
        self._every = intervals(settings)
        self._quotas = {
            source.id: find(source.type).quota
            for source in settings.sources
            if source.id in self._every
        }
        used = {quota for quota in self._quotas.values() if quota is not None}
        self._meters = {quota: quota.meter(context) for quota in used}
        self._asked: dict[str, float] = {}

    def tick(self) -> list[PollRequest]:
        """Return the requests that are due now; to be called about once a second."""
        now = self._context.clock.time()
        states = {quota: meter.blocked() for quota, meter in self._meters.items()}
        every = {}
        for name, seconds in self._every.items():
            quota = self._quotas[name]
            blocked = None if quota is None else states[quota]
            if self._context.shared.paused(name):
                self._context.report(name, SourceState("paused"))
            elif blocked is not None:
                self._context.report(name, blocked)
            else:
                every[name] = seconds
        ready = due(every, self._last(self._context.shared.cursors), now)
        self._asked.update(dict.fromkeys(ready, now))
        return [PollRequest(source=name, due_at=rfc3339(now)) for name in ready]

    def _last(self, cursors: Mapping[str, Cursor]) -> dict[str, float]:
        """Return when each source was last asked for, by this leader or by one before it."""
        found = dict(self._asked)
        for name in self._every.keys() - self._asked.keys():
            cursor, quota = cursors.get(name), self._quotas[name]
            charged = None if quota is None else self._meters[quota].charged_at(name)
            for at in (charged, cursor.at if cursor else None):
                if at is not None:
                    found[name] = max(found.get(name, 0.0), from_rfc3339(at))
        return found

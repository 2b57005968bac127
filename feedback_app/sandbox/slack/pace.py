"""How often a channel takes a post."""

import math


class Pace:
    """About so many posts a second and channel: one may come early, the average holds."""

    def __init__(self, posts_per_second: float | None) -> None:
        """`posts_per_second` None means no limit."""
        self.posts_per_second = posts_per_second
        self._next: dict[str, float] = {}
        self._held: dict[str, float] = {}

    def hold(self, channel: str, until: float) -> None:
        """Refuse every post into a channel until then (seconds, of the same clock as `take`)."""
        self._held[channel] = until

    def take(self, channel: str, now: float) -> int:
        """Take a post at `now` (seconds) and return 0, or return the whole seconds to wait."""
        if (held := self._held.get(channel, now)) > now:
            return math.ceil(held - now)
        if self.posts_per_second is None:
            return 0
        interval = 1 / self.posts_per_second
        due = max(now, self._next.get(channel, now))
        # One interval of tolerance: a client that sends evenly is not refused for jitter.
        if due - now > interval:
            return max(1, math.ceil(due - now - interval))
        self._next[channel] = due + interval
        return 0

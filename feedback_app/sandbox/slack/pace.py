"""Rate limit of posts per channel."""

import math


class Pace:
    """Limits the average rate of posts per channel; one post may come early."""

    def __init__(self, posts_per_second: float | None) -> None:
        """`posts_per_second` None means unlimited."""
        self.posts_per_second = posts_per_second
        self._next: dict[str, float] = {}
        self._blocked_until: dict[str, float] = {}

    def block(self, channel: str, until: float) -> None:
        """Refuse every post to a channel before `until` (seconds, same clock as `try_post`)."""
        self._blocked_until[channel] = until

    def try_post(self, channel: str, now: float) -> int:
        """Accept a post at `now` (seconds) and return 0, or return the whole seconds to wait."""
        if (blocked_until := self._blocked_until.get(channel, now)) > now:
            return math.ceil(blocked_until - now)
        if self.posts_per_second is None:
            return 0
        interval = 1 / self.posts_per_second
        due = max(now, self._next.get(channel, now))
        # One interval of tolerance, so that an evenly paced client is not refused for jitter.
        if due - now > interval:
            return max(1, math.ceil(due - now - interval))
        self._next[channel] = due + interval
        return 0

"""When the next request into a channel may go: the pace, and the waits after failures."""

import random
from collections.abc import Callable

from feedback_app.backoff import Backoff
from feedback_app.clock import Clock

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0


def receiver_backoff(uniform: Callable[[float, float], float] = random.uniform) -> Backoff:
    """Return the waits between requests to a receiver that fails; `uniform` draws the jitter."""
    return Backoff(FIRST_BACKOFF_S, LONGEST_BACKOFF_S, uniform=uniform)


class Pacer:
    """The pace of one channel.

    The interval runs from the response to one request to the start of the next, so requests never
    arrive closer together than it says, however long they were on their way.
    """

    def __init__(
        self,
        per_second: float,
        clock: Clock,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = 0.0
        self._backoff = receiver_backoff(uniform)

    @property
    def failing(self) -> bool:
        """Whether more than one request in a row has failed."""
        return self._backoff.failures > 1

    async def wait(self) -> None:
        """Return when the next request may go."""
        while (left := self._next - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    def answered(self) -> None:
        """Note that a request was carried out."""
        self._backoff.reset()
        self._hold(self._interval)

    def failed(self, retry_after: float | None = None) -> None:
        """Note a failure that can be retried; `retry_after` is what the receiver asked for."""
        wait = self._backoff.next(retry_after)
        self._hold(wait if retry_after is None else max(wait, self._interval))

    def _hold(self, seconds: float) -> None:
        self._next = max(self._next, self._clock.monotonic() + seconds)

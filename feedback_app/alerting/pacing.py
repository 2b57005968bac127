"""When the next request into a channel may go: the pace, and waits after a failure."""

from feedback_app.clock import Clock

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0


class Pacer:
    """The pace of one channel.

    The interval runs from the answer to a request to the start of the next one, so that requests
    never arrive closer together than it says, however long they were on their way.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = 0.0
        self._failures = 0

    @property
    def failing(self) -> bool:
        """Whether more than one request in a row has failed."""
        return self._failures > 1

    async def wait(self) -> None:
        """Return when the next request may go."""
        while (left := self._next - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    def answered(self) -> None:
        """Note that a request was carried out."""
        self._failures = 0
        self._hold(self._interval)

    def failed(self, retry_after: float | None = None) -> None:
        """Note a failure that a later attempt can mend; `retry_after` is what Slack asked for."""
        wait = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(self._failures, 10))
        self._failures += 1
        self._hold(wait if retry_after is None else max(retry_after, self._interval))

    def _hold(self, seconds: float) -> None:
        self._next = max(self._next, self._clock.monotonic() + seconds)

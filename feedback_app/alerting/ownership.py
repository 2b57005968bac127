"""Whether this process may still act for a partition: the guard in front of every request."""

from feedback_app.alerting.context import Context

CLAIM_S = 2.0
"""How old an acknowledged claim may be when the request goes."""
TICK_S = 0.5
STALL_S = 2.0
"""A tick that comes so late means that the process stood still."""
DOUBT_S = 5.0
"""How long after that nothing is sent: by then a heartbeat tells who owns the partition."""
POLL_S = 0.1


class Ownership:
    """Knows of lost partitions, of rebalances, and of a process that stood still and woke up.

    A process that is stopped and goes on believes itself the owner until its next heartbeat is
    answered; another may have posted meanwhile.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ticked = context.clock.monotonic()
        self._doubted_until = self._ticked

    def begin(self) -> None:
        """Forget the time before: nobody watched the clock then."""
        self._ticked = self._context.clock.monotonic()

    async def tick(self) -> None:
        """Watch the clock, for ever."""
        while True:
            self._look_at_clock()
            await self._context.clock.sleep(TICK_S)

    def may_act(self, partition: int, acknowledged: float | None = None) -> bool:
        """Whether a request may go now; `acknowledged` is the claim's monotonic time."""
        now = self._look_at_clock()
        return (
            self._context.assigned(partition)
            and not self._context.rebalancing()
            and now >= self._doubted_until
            and (acknowledged is None or now - acknowledged < CLAIM_S)
        )

    async def wait(self, partition: int) -> None:
        """Return when a request may go; where the partition is lost, the hop cancels first."""
        while not self.may_act(partition):
            await self._context.clock.sleep(POLL_S)

    def _look_at_clock(self) -> float:
        now = self._context.clock.monotonic()
        if now - self._ticked >= STALL_S + TICK_S:
            self._doubted_until = now + DOUBT_S
        self._ticked = now
        return now

"""Whether this process may still act for a partition: the guard in front of every request."""

from feedback_app.alerting.context import Context
from feedback_app.hop.stalls import StallDetector

CLAIM_S = 2.0
"""How old an acknowledged claim may be when the request goes."""
POLL_S = 0.1


class Ownership:
    """Knows of lost partitions, of rebalances, and of a process that stood still and woke up."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stalls = StallDetector(context.clock)

    def begin(self) -> None:
        """Forget the time before: nobody watched the clock then."""
        self._stalls.begin()

    async def tick(self) -> None:
        """Watch the clock, for ever."""
        await self._stalls.tick()

    def may_act(self, partition: int, acknowledged: float | None = None) -> bool:
        """Whether a request may go now; `acknowledged` is the claim's monotonic time."""
        suspect = self._stalls.suspect()
        return (
            self._context.assigned(partition)
            and not self._context.rebalancing()
            and not suspect
            and (acknowledged is None or self._context.clock.monotonic() - acknowledged < CLAIM_S)
        )

    async def wait(self, partition: int) -> None:
        """Return when a request may go; where the partition is lost, the hop cancels first."""
        while not self.may_act(partition):
            await self._context.clock.sleep(POLL_S)

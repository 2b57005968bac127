"""Whether this process may still act for a partition: the guard in front of every request."""

from feedback_app.alerting.context import OutboxContext
from feedback_app.hop.stalls import StallDetector

INTENT_VALID_S = 2.0
"""How old an acknowledged intent may be when the request goes."""
POLL_S = 0.1


class Ownership:
    """Knows about lost partitions, rebalances, and a process that stalled and woke up."""

    def __init__(self, context: OutboxContext) -> None:
        self._context = context
        self._stalls = StallDetector(context.clock)

    def begin(self) -> None:
        """Start stall detection: the clock was not watched before."""
        self._stalls.begin()

    async def tick(self) -> None:
        """Watch the clock until cancelled."""
        await self._stalls.tick()

    def may_act(self, partition: int, acknowledged: float | None = None) -> bool:
        """Whether a request may go now; `acknowledged` is the intent's monotonic time."""
        suspect = self._stalls.suspect()
        return (
            self._context.assigned(partition)
            and not self._context.rebalancing()
            and not suspect
            and (acknowledged is None or self._age(acknowledged) < INTENT_VALID_S)
        )

    def _age(self, acknowledged: float) -> float:
        return self._context.clock.monotonic() - acknowledged

    async def wait(self, partition: int) -> None:
        """Return when a request may go; if the partition is lost, the stage cancels this first."""
        while not self.may_act(partition):
            await self._context.clock.sleep(POLL_S)

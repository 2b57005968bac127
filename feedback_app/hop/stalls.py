"""Stall detection: after a stall, what this process believes of itself may be out of date."""

from feedback_app.clock import Clock

TICK_S = 0.5
STALL_S = 2.0
"""A tick that is this late means that the process stood still."""
SUSPECT_S = 5.0
"""How long nothing is sent after a stall: within that time a heartbeat reports who owns what."""


class StallDetector:
    """Detects stalls of this process by late ticks.

    A process that is stopped and continued believes that it still owns its partitions, or leads,
    until its next heartbeat is answered; another worker may have taken over meanwhile.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ticked = clock.monotonic()
        self._suspect_until = self._ticked
        self.count = 0
        """Stalls so far."""

    def begin(self) -> None:
        """Start watching now; the time before does not count as a stall."""
        self._ticked = self._clock.monotonic()

    async def tick(self) -> None:
        """Check for stalls forever."""
        while True:
            self.suspect()
            await self._clock.sleep(TICK_S)

    def suspect(self) -> bool:
        """Whether the process stood still less than `SUSPECT_S` ago."""
        now = self._clock.monotonic()
        if now - self._ticked >= STALL_S + TICK_S:
            self._suspect_until = now + SUSPECT_S
            self.count += 1
        self._ticked = now
        return now < self._suspect_until

"""Whether this process stood still: then what it believes of itself may be long past."""

from feedback_app.clock import Clock

TICK_S = 0.5
STALL_S = 2.0
"""A tick that comes so late means that the process stood still."""
SUSPECT_S = 5.0
"""How long after that nothing is sent: by then a heartbeat tells who owns what."""


class StallDetector:
    """Watches the clock. A process that is stopped and goes on believes itself the owner, or the
    leader, until its next heartbeat is answered; another may have acted meanwhile.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ticked = clock.monotonic()
        self._suspect_until = self._ticked
        self.count = 0
        """How often it stood still."""

    def begin(self) -> None:
        """Forget the time before: nobody watched the clock then."""
        self._ticked = self._clock.monotonic()

    async def tick(self) -> None:
        """Watch the clock, for ever."""
        while True:
            self.suspect()
            await self._clock.sleep(TICK_S)

    def suspect(self) -> bool:
        """Whether the process stood still a moment ago."""
        now = self._clock.monotonic()
        if now - self._ticked >= STALL_S + TICK_S:
            self._suspect_until = now + SUSPECT_S
            self.count += 1
        self._ticked = now
        return now < self._suspect_until

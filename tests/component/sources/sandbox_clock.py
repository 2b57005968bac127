"""The sandbox's clock as the app's."""

import asyncio

from feedback_app.sandbox import ManualClock


class SandboxClock:
    """The sandbox's time; a sleep moves it."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def time(self) -> float:
        """Return Unix seconds."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return the same seconds."""
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Move the clock."""
        await asyncio.sleep(0.001)
        self._clock.advance(seconds)


class HurriedClock(SandboxClock):
    """The sandbox's time, which only the test moves: sleeps end almost at once and are recorded."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Return soon, with the clock where it was."""
        self.slept.append(seconds)
        await asyncio.sleep(0.005)

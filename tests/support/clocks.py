"""Clocks that a test moves by hand."""

import asyncio


class HandClock:
    """Time stands still, and a sleep moves it on at once."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        """Return Unix seconds."""
        return self.now

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move on by so many seconds and let others run."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

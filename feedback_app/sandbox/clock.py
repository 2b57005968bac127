"""The time of the sandbox: the system's, or a manual one that a test moves forward."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Where the sandbox takes its time from."""

    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed."""
        ...


class SystemClock:
    """The time of the machine."""

    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A time that stands still until `advance` moves it."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        return self._now

    @property
    def next_in(self) -> float | None:
        """Seconds until the next sleeper wakes, or None where nobody sleeps."""
        times = [time for time, _, woken in self._sleepers if not woken.done()]
        return min(times) - self._now if times else None

    async def sleep(self, seconds: float) -> None:
        """Return when the clock was moved forward by `seconds`; at once for zero and less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` and wake who slept until then, in order of time."""
        until = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
        self._now = until


async def before(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of `work`, or None where it took longer than `seconds` of the clock."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, timer):
            each.cancel()

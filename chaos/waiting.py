"""Waiting for something to become true, never for time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LOOK_EVERY_S = 0.1


async def until(
    condition: Callable[[], bool | Awaitable[bool]],
    within: float,
    what: str | Callable[[], str],
    every: float = LOOK_EVERY_S,
) -> float:
    """Return the seconds until the condition held; raises AssertionError after `within` seconds."""
    started = time.monotonic()
    while True:
        found = condition()
        if not isinstance(found, bool):
            found = await found
        took = time.monotonic() - started
        if found:
            return took
        if took > within:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within:.0f} s: {said}")
        await asyncio.sleep(every)

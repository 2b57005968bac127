"""Waits for conditions instead of sleeping."""

import asyncio
import time
from collections.abc import Awaitable, Callable

EVERY_S = 0.1


async def until(
    condition: Callable[[], bool | Awaitable[bool]],
    within: float,
    what: str | Callable[[], str],
    every: float = EVERY_S,
) -> float:
    """Return the seconds until a condition holds; raises AssertionError after `within` seconds."""
    started = time.monotonic()
    while True:
        found = condition()
        if not isinstance(found, bool):
            found = await found
        took = time.monotonic() - started
        if found:
            return took
        if took > within:
            shown = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within:.0f} s: {shown}")
        await asyncio.sleep(every)

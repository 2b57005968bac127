"""A sandbox with a manual clock, and a plain HTTP client."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from feedback_app.sandbox import ManualClock, Sandbox

START = 1_790_000_000.0
"""Some time in 2026, in seconds since the Unix epoch."""

Post = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def clock() -> ManualClock:
    """Return a manual clock."""
    return ManualClock(START)


@pytest.fixture
async def sandbox(clock: ManualClock) -> AsyncIterator[Sandbox]:
    """Yield a sandbox without index or history delays."""
    box = Sandbox(clock=clock, x={"index_delay": (0, 0)}, slack={"history_delay": (0, 0)})
    await box.start()
    yield box
    await box.stop()


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield an HTTP client of the sandbox."""
    async with aiohttp.ClientSession(sandbox.url) as client:
        yield client


@pytest.fixture
def act(http: aiohttp.ClientSession) -> Post:
    """Return a function that runs an action of the control API and returns its response."""

    async def run(action: str, **arguments: Any) -> dict[str, Any]:
        async with http.post(f"/sandbox/{action}", json=arguments) as answer:
            body: dict[str, Any] = await answer.json()
            return body | {"status": answer.status}

    return run

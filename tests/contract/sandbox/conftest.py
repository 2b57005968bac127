"""A sandbox with a manual clock, and the real clients connected to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from tweepy.asynchronous import AsyncClient

from feedback_app.sandbox import (
    SLACK_BOT_TOKEN,
    X_BEARER_TOKEN,
    ManualClock,
    Sandbox,
)

START = 1_790_000_000.0
"""Some time in 2026, in seconds since the Unix epoch."""


class Redirect:
    """A session that redirects requests for X to the sandbox: tweepy's base URL is fixed."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    def request(self, method: str, url: str, **more: Any) -> Any:
        """Send the request to the sandbox."""
        return self._session.request(
            method, url.replace("https://api.twitter.com", self._url), **more
        )


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
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a plain HTTP client."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def x(sandbox: Sandbox, session: aiohttp.ClientSession) -> AsyncClient:
    """Return tweepy's client, pointed at the sandbox."""
    return x_client(sandbox, session)


def x_client(
    sandbox: Sandbox, session: aiohttp.ClientSession, token: str = X_BEARER_TOKEN
) -> AsyncClient:
    """Return tweepy's client with a token, pointed at the sandbox."""
    client = AsyncClient(token)
    client.session = Redirect(session, sandbox.x_url)
    return client


@pytest.fixture
async def slack(sandbox: Sandbox) -> AsyncWebClient:
    """Return Slack's client, pointed at the sandbox."""
    return AsyncWebClient(SLACK_BOT_TOKEN, base_url=sandbox.slack_url, retry_handlers=[])


async def until(met: Callable[[], bool]) -> None:
    """Return as soon as the condition is met; the test's time limit bounds the wait."""
    while not met():
        await asyncio.sleep(0.001)

"""The Slack source, running against the stand-in Slack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from feedback_app.clock import SystemClock
from feedback_app.sandbox import SLACK_APP_TOKEN, SLACK_BOT_TOKEN, Sandbox
from feedback_app.sandbox.log import Acknowledged
from feedback_app.sources.slack.socket import SlackSocket
from feedback_app.sources.slack.timing import Timing
from feedback_app.sources.testing import MemoryContext, settings_of, until

QUICK = Timing(
    ping=2.0,
    check=0.01,
    opening=5.0,
    foreign_connections=0.05,
    channels=0.1,
    stand_by=0.2,
    first_wait=0.02,
    longest_wait=0.1,
    drain=0.5,
)


@asynccontextmanager
async def live_sandbox(retry_after_s: tuple[float, ...] = (0, 0.3, 1, 3)) -> AsyncIterator[Sandbox]:
    """Yield a sandbox with the machine's time, because slack_sdk has no other.

    It sends an event that nobody acknowledges again after each of these seconds.
    """
    box = Sandbox(
        posts_per_second=None,
        slack={"history_delay": (0, 0), "acknowledge_s": 0.3, "retry_after_s": retry_after_s},
    )
    await box.start()
    yield box
    await box.stop()


def world_of(sandbox: Sandbox, *sources: dict[str, Any], **more: Any) -> MemoryContext:
    """Return a context that listens on #feedback, or on what is given."""
    listened = sources or ({"id": "slack", "type": "slack", "channel": "#feedback"},)
    tokens = {"slack_bot_token": SLACK_BOT_TOKEN, "slack_app_token": SLACK_APP_TOKEN}
    address = {"slack_api_url": sandbox.slack_url}
    return MemoryContext(settings_of(*listened, **(tokens | address | more)), SystemClock())


@asynccontextmanager
async def running(
    world: MemoryContext, connect: bool = True, **more: Any
) -> AsyncIterator[SlackSocket]:
    """Run a socket; yields once it is connected."""
    timing = more.pop("timing", QUICK)
    socket = SlackSocket(world, more.pop("opened", lambda: 1), timing=timing, **more)
    task = asyncio.create_task(socket.run())
    try:
        if connect:
            await until(lambda: socket.connections == 1)
        yield socket
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def acknowledged(sandbox: Sandbox) -> list[Acknowledged]:
    """Return the acknowledgements that Slack got."""
    return [entry for entry in sandbox.log.entries if isinstance(entry, Acknowledged)]


def shown_of(world: MemoryContext) -> str:
    """Return what the page would say of the source."""
    return world.states["slack"].detail if "slack" in world.states else ""

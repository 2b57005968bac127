"""Every fault of the stand-ins at once: nothing is lost, malformed payloads are dead letters."""

import asyncio

import pytest

from feedback_app.clock import SystemClock
from feedback_app.hop.errors import TransientError
from feedback_app.sandbox import (
    PRODUCT_QUERY,
    SLACK_APP_TOKEN,
    SLACK_BOT_TOKEN,
    X_BEARER_TOKEN,
    Rate,
    Sandbox,
)
from feedback_app.sandbox.log import FaultInjected, Put
from feedback_app.sources.polling import Poller
from feedback_app.sources.slack.socket import SlackSocket
from feedback_app.sources.slack.timing import Timing
from feedback_app.sources.testing import MemoryContext, settings_of, until


class Jumping(SystemClock):
    """The machine's time, moved forward by what somebody would wait."""

    ahead = 0.0

    def time(self) -> float:
        """Return Unix seconds."""
        return super().time() + self.ahead


def put(sandbox: Sandbox) -> set[str]:
    """Return the ids of what people said."""
    found = [each for each in sandbox.log.entries if isinstance(each, Put)]
    return {f"{each.platform}:{each.id}" for each in found}


def malformed(sandbox: Sandbox) -> int:
    """Return how many malformed payloads were returned."""
    return sum(
        isinstance(each, FaultInjected) and each.name == "odd" for each in sandbox.log.entries
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_x(seed: int) -> None:
    sandbox = Sandbox(faults=frozenset(["all"]), seed=seed, x={"index_delay": (0, 0)})
    sandbox.faults.slow_seconds = (0, 0.02)
    sandbox.faults.rates |= {"odd": Rate(0.2, 40), "disconnect": Rate(0.4, 8)}
    await sandbox.start()
    now = Jumping()
    more = {"x_bearer_token": X_BEARER_TOKEN, "x_api_url": sandbox.x_url}
    source = {"id": "x", "type": "x-search", "query": PRODUCT_QUERY, "start": "1h"}
    world = MemoryContext(settings_of(source, **more), now)
    polls = Poller(world)
    failed = 0
    for offset in range(120):
        if offset < 60:
            for number in range(7 if offset != 30 else 230):
                sandbox.x.post(f"post {offset} {number}")
        await asyncio.sleep(0.002)
        try:
            await polls.poll("x", offset)
        except TransientError as fault:
            failed += 1
            now.ahead += fault.retry_after or 0
    await polls.close()
    await sandbox.stop()
    assert failed > 5
    assert {post.id for post in world.feedback} == put(sandbox)
    assert len(world.dead) == malformed(sandbox) > 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_slack(seed: int) -> None:
    sandbox = Sandbox(
        faults=frozenset(["5xx", "disconnect", "odd", "slow", "duplicate"]),
        seed=seed,
        posts_per_second=None,
        slack={
            "history_delay": (0, 0.05),
            "acknowledge_s": 0.3,
            "retry_after_s": (0.0, 0.2, 0.5, 1.0),
        },
    )
    sandbox.faults.slow_seconds = (0, 0.02)
    sandbox.faults.rates |= {"odd": Rate(0.2, 40), "disconnect": Rate(0.4, 8)}
    await sandbox.start()
    tokens = {"slack_bot_token": SLACK_BOT_TOKEN, "slack_app_token": SLACK_APP_TOKEN}
    source = {"id": "slack", "type": "slack", "channel": "#feedback"}
    world = MemoryContext(
        settings_of(source, **tokens, slack_api_url=sandbox.slack_url), SystemClock()
    )
    timing = Timing(ping=2, check=0.01, first_wait=0.02, longest_wait=0.2, missed=0.1)
    socket = SlackSocket(world, lambda: 1, timing=timing)
    task = asyncio.create_task(socket.run())
    await until(lambda: "slack" in world.shared.cursors)
    for number in range(150):
        sandbox.slack.say("#feedback", f"message {number}")
        await asyncio.sleep(0.002)
    await until(lambda: {found.id for found in world.feedback} >= put(sandbox), 30)
    await until(lambda: not sandbox.slack.sockets.pending, 30)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await sandbox.stop()
    assert {found.id for found in world.feedback} == put(sandbox)
    assert len(world.dead) == malformed(sandbox) > 0
    assert sandbox.faults.happened["disconnect"] > 0

"""The Socket Mode connection itself: cut, refused, shared with strangers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from feedback_app.clock import SystemClock
from feedback_app.sandbox import SLACK_BOT_TOKEN, Sandbox
from feedback_app.settings import ConfigurationError
from feedback_app.sources.slack.socket import SlackSocket
from tests.component.sources.slack_running import (
    QUICK,
    live_sandbox,
    running,
    shown_of,
    world_of,
)
from tests.source_world import World, settings, until


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Yield a sandbox with the machine's time."""
    async with live_sandbox() as box:
        yield box


async def test_a_cut_connection_is_opened_again(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        sandbox.slack.sockets.cut()
        sandbox.slack.say("#feedback", "said while nobody listened")
        await until(lambda: world.feedback)
        await until(lambda: world.states["slack"].state == "running")
    assert {found.text for found in world.feedback} == {"said while nobody listened"}


async def test_slack_asking_for_a_new_connection_loses_nothing(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        refresh = asyncio.create_task(sandbox.slack.sockets.refresh())
        for number in range(5):
            sandbox.slack.say("#feedback", f"message {number}")
        await until(lambda: len({found.id for found in world.feedback}) == 5)
        refresh.cancel()
        await asyncio.gather(refresh, return_exceptions=True)
    assert {found.text for found in world.feedback} == {f"message {n}" for n in range(5)}


async def test_a_silent_connection_is_rebuilt(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    # Pings far apart, so that it is the watchdog that notices.
    async with running(world, timing=replace(QUICK, ping=60, silent=1.0)) as socket:
        (connection,) = sandbox.slack.sockets.connections.values()
        assert connection.transport is not None
        connection.transport.pause_reading()
        sandbox.slack.sockets.connections.clear()
        await until(lambda: "silent" in world.states["slack"].detail)
        await until(lambda: socket.connections == 1)
        sandbox.slack.say("#feedback", "heard again")
        await until(lambda: world.feedback)
        connection.transport.abort()


async def test_a_worker_that_ends_while_a_deaf_connection_is_closed_leaves_none_open(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, sessions = asyncio.Event(), []

    async def hang(client: SocketModeClient) -> None:
        sessions.append(client.aiohttp_client_session)
        closing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(SocketModeClient, "close", hang)
    async with running(world_of(sandbox), timing=replace(QUICK, drain=60)):
        sandbox.slack.sockets.cut()
        await asyncio.wait_for(closing.wait(), 60)
    assert [session.closed for session in sessions] == [True]


async def test_a_stranger_on_the_app_token_is_reported(sandbox: Sandbox) -> None:
    world, other = world_of(sandbox), world_of(sandbox)
    async with running(other), running(world):
        await until(lambda: "slack_token_shared" in world.states["slack"].detail)
        assert world.states["slack"].state == "failing"
        sandbox.slack.say("#feedback", "still taken in")
        await until(lambda: world.feedback or other.feedback)


async def test_connections_of_the_own_cluster_are_no_strangers(sandbox: Sandbox) -> None:
    world, other = world_of(sandbox), world_of(sandbox)
    async with running(other, opened=lambda: 2), running(world, opened=lambda: 2):
        await asyncio.sleep(0.15)
        assert world.states["slack"].state == "running"


async def test_the_alarm_ends_when_the_stranger_is_gone(sandbox: Sandbox) -> None:
    world, other = world_of(sandbox), world_of(sandbox)
    timing = replace(QUICK, foreign_recheck=0.2)
    async with running(other):
        ours = running(world, timing=timing)
        await ours.__aenter__()
        await until(lambda: "slack_token_shared" in shown_of(world))
    await until(lambda: world.states["slack"].state == "running")
    assert "slack_token_shared" not in shown_of(world)
    await ours.__aexit__(None, None, None)


async def test_a_bug_does_not_end_the_source(sandbox: Sandbox) -> None:
    world = world_of(sandbox)

    def opened() -> int:
        if not broken:
            broken.append(True)
            raise RuntimeError("a bug")
        return 1

    broken: list[bool] = []
    async with running(world, opened=opened, connect=False) as socket:
        await until(lambda: broken and socket.connections == 1)
        sandbox.slack.say("#feedback", "goes on")
        await until(lambda: world.feedback)
    assert {found.text for found in world.feedback} == {"goes on"}


async def test_a_ninth_connection_gives_way(sandbox: Sandbox) -> None:
    worlds = [world_of(sandbox) for _ in range(9)]
    async with asyncio.timeout(60):
        stack = [running(each, connect=False, opened=lambda: 8) for each in worlds[:8]]
        for each in stack:
            await each.__aenter__()
        await until(lambda: len(sandbox.slack.sockets.connections) == 8)
        async with running(worlds[8], connect=False, opened=lambda: 8) as ninth:
            await until(lambda: "stands by" in shown_of(worlds[8]))
            assert worlds[8].states["slack"].state == "waiting"
            assert ninth.connections == 0
        for each in reversed(stack):
            await each.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("break_it", "state", "words"),
    [
        (lambda box: box.slack.revoke_tokens(), "unauthorised", "install the app again"),
        (lambda box: box.slack.set_scopes([]), "unauthorised", "channels:read"),
    ],
)
async def test_a_refused_token_is_said_clearly(
    sandbox: Sandbox, break_it: Callable[[Sandbox], None], state: str, words: str
) -> None:
    break_it(sandbox)
    world = world_of(sandbox)
    async with running(world, connect=False):
        await until(lambda: world.states.get("slack"))
    shown = world.states["slack"]
    assert shown.state == state
    assert words in shown.detail
    assert SLACK_BOT_TOKEN not in shown.detail


async def test_a_bad_app_token_does_not_hang(sandbox: Sandbox) -> None:
    world = world_of(sandbox, slack_app_token="xapp-wrong")
    async with running(world, connect=False):
        await until(lambda: world.states.get("slack"))
    assert world.states["slack"].state == "unauthorised"
    assert "FEEDBACK_SLACK_APP_TOKEN" in world.states["slack"].detail


async def test_a_missing_channel_fails_its_source_and_no_other(sandbox: Sandbox) -> None:
    world = world_of(
        sandbox,
        {"id": "a", "type": "slack", "channel": "#later"},
        {"id": "b", "type": "slack", "channel": "#product"},
    )
    async with running(world):
        await until(lambda: world.states["a"].state == "failing")
        assert "#later" in world.states["a"].detail
        assert world.states["b"].state == "running"
        sandbox.slack.create("#later")
        await until(lambda: world.states["a"].state == "running")
        sandbox.slack.say("#later", "there now")
        await until(lambda: world.feedback)
    assert world.feedback[0].source == "a"


async def test_missing_tokens_stop_the_start() -> None:
    bare = World(
        settings({"id": "slack", "type": "slack", "channel": "#feedback"}), SystemClock().time
    )
    with pytest.raises(ConfigurationError, match="FEEDBACK_SLACK_BOT_TOKEN"):
        SlackSocket(bare, SystemClock(), lambda: 1)

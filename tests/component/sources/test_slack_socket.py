"""Socket Mode with slack_sdk against the stand-in Slack."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from feedback_app.clock import SystemClock
from feedback_app.hop.errors import OutsideFault
from feedback_app.sandbox import SLACK_APP_TOKEN, SLACK_BOT_TOKEN, Sandbox
from feedback_app.sandbox.log import Acknowledged
from feedback_app.sandbox.slack.sockets import Outgoing
from feedback_app.settings import ConfigurationError
from feedback_app.sources import slack_history
from feedback_app.sources.slack_socket import SlackSocket
from feedback_app.sources.slack_timing import Timing
from tests.source_world import World, settings, until

QUICK = Timing(
    ping=2.0,
    look=0.01,
    opening=5.0,
    strangers=0.05,
    channels=0.1,
    give_way=0.2,
    first_wait=0.02,
    longest_wait=0.1,
    drain=0.5,
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Yield a sandbox with the machine's time, because slack_sdk has no other."""
    box = Sandbox(
        posts_per_second=None,
        slack={"history_delay": (0, 0), "acknowledge_s": 0.3, "retry_after_s": (0.0, 0.3)},
    )
    await box.start()
    yield box
    await box.stop()


def world_of(sandbox: Sandbox, *sources: dict[str, Any], **more: Any) -> World:
    """Return a context that listens on #feedback, or on what is given."""
    listened = sources or ({"id": "slack", "type": "slack", "channel": "#feedback"},)
    tokens = {"slack_bot_token": SLACK_BOT_TOKEN, "slack_app_token": SLACK_APP_TOKEN}
    address = {"slack_api_url": sandbox.slack_url}
    return World(settings(*listened, **(tokens | address | more)), SystemClock().time)


@asynccontextmanager
async def running(world: World, connect: bool = True, **more: Any) -> AsyncIterator[SlackSocket]:
    """Run a socket; yields once it is connected."""
    timing = more.pop("timing", QUICK)
    socket = SlackSocket(world, SystemClock(), more.pop("opened", lambda: 1), timing=timing, **more)
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


def shown_of(world: World) -> str:
    """Return what the page would say of the source."""
    return world.states["slack"].detail if "slack" in world.states else ""


async def test_a_message_becomes_feedback(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        ts = sandbox.slack.say("#feedback", "1 < 2 & fine", "mira.sato")
        await until(lambda: acknowledged(sandbox))
    (found,) = world.feedback
    channel = sandbox.slack.channel("#feedback").id
    assert (found.id, found.text) == (f"slack:{channel}:{ts}", "1 < 2 & fine")
    assert (found.source, found.kind, found.author) == ("slack", "create", "mira.sato")
    assert found.revision == int(ts.replace(".", ""))
    assert found.url is not None
    assert found.url.endswith(f"/archives/{channel}/p{ts.replace('.', '')}")


async def test_edits_and_deletions_are_revisions(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        ts = sandbox.slack.say("#feedback", "it brok")
        await until(lambda: len(acknowledged(sandbox)) == 1)
        edited = sandbox.slack.edit("#feedback", ts, "it broke")
        await until(lambda: len(acknowledged(sandbox)) == 2)
        sandbox.slack.delete("#feedback", ts)
        await until(lambda: len(acknowledged(sandbox)) == 3)
    first, second, third = world.feedback
    assert first.id == second.id == third.id
    assert [each.kind for each in world.feedback] == ["create", "edit", "delete"]
    assert second.revision == int(edited.replace(".", ""))
    assert first.revision < second.revision < third.revision
    assert (second.text, third.text) == ("it broke", "")


async def test_bots_joins_and_other_channels_are_left_out(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        sandbox.slack.say_as_bot("#feedback", "deployed")
        sandbox.slack.join("#feedback", "new.person")
        sandbox.slack.say("#product", "not listened to")
        await until(lambda: len(acknowledged(sandbox)) == 3)
    assert not world.feedback
    assert not world.dead


async def test_a_marked_post_of_the_bot_is_taken_in(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world), aiohttp.ClientSession() as http:
        for metadata in (None, {"event_type": "feedback_say", "event_payload": {}}):
            body = {"channel": "#feedback", "text": "sample", "metadata": metadata}
            await http.post(
                f"{sandbox.slack_url}chat.postMessage",
                json=body,
                headers={"Authorization": f"Bearer {SLACK_BOT_TOKEN}"},
            )
        await until(lambda: len(acknowledged(sandbox)) == 2)
    assert [found.text for found in world.feedback] == ["sample"]


async def test_keyword_and_pattern_filter_and_are_counted(sandbox: Sandbox) -> None:
    world = world_of(
        sandbox,
        {"id": "a", "type": "slack", "channel": "#feedback", "keyword": "kettle"},
        {"id": "b", "type": "slack", "channel": "#product", "pattern": r"\bv\d+"},
    )
    async with running(world):
        sandbox.slack.say("#feedback", "My KETTLE sings")
        sandbox.slack.say("#feedback", "kettles are not the word")
        sandbox.slack.say("#product", "since v2 it works")
        sandbox.slack.say("#product", "no version here")
        await until(lambda: len(acknowledged(sandbox)) == 4)
    assert {(found.source, found.text) for found in world.feedback} == {
        ("a", "My KETTLE sings"),
        ("b", "since v2 it works"),
    }
    assert (world.states["a"].filtered, world.states["b"].filtered) == (1, 1)


async def test_an_event_is_acknowledged_only_after_the_broker_has_it(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    let_go = asyncio.Event()
    produce = world.produce

    async def slow(outputs: Any) -> None:
        await let_go.wait()
        await produce(outputs)

    world.produce = slow  # type: ignore[method-assign]
    async with running(world):
        sandbox.slack.say("#feedback", "wait for it")
        await asyncio.sleep(0.1)
        assert not acknowledged(sandbox)
        let_go.set()
        await until(lambda: acknowledged(sandbox))
        assert world.feedback


async def test_an_event_that_the_broker_refused_comes_again(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    world.refuse.append(OutsideFault("kafka", "no broker"))
    async with running(world):
        sandbox.slack.say("#feedback", "twice asked")
        await until(lambda: acknowledged(sandbox))
    assert [found.text for found in world.feedback] == ["twice asked"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "text": "no ts"},
        {"type": "message", "ts": "1790000000.000100", "text": 17},
        {"type": "message", "ts": 17, "text": "ts is a number"},
        {"type": "message", "subtype": "message_changed", "message": []},
        {"type": "message", "subtype": "message_deleted", "deleted_ts": None},
    ],
)
async def test_an_odd_payload_is_dead_lettered_then_acknowledged(
    sandbox: Sandbox, event: dict[str, Any]
) -> None:
    world = world_of(sandbox)
    async with running(world):
        event = event | {"channel": sandbox.slack.channel("#feedback").id}
        sandbox.slack.sockets.emit(
            Outgoing("events_api", {"event": event, "type": "event_callback"}, ("odd",), "odd")
        )
        await until(lambda: acknowledged(sandbox))
        sandbox.slack.say("#feedback", "the source goes on")
        await until(lambda: world.feedback)
    (letter,) = world.dead
    assert (letter.topic, letter.stage) == ("slack", "slack")
    assert b"event_callback" in (letter.value_bytes() or b"")


async def test_an_event_that_comes_twice_at_once_is_sent_once(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    let_go = asyncio.Event()
    produce = world.produce

    async def slow(outputs: Any) -> None:
        await let_go.wait()
        await produce(outputs)

    async with running(world):
        await until(lambda: "slack" in world.shared.cursors)
        world.produce = slow  # type: ignore[method-assign]
        channel = sandbox.slack.channel("#feedback").id
        event = {"type": "message", "channel": channel, "text": "twice", "ts": "1790000000.000100"}
        for _ in range(2):
            payload = {"event": event, "type": "event_callback"}
            sandbox.slack.sockets.emit(Outgoing("events_api", payload, ("twice",), "create"))
        await asyncio.sleep(0.05)
        let_go.set()
        await until(lambda: len(acknowledged(sandbox)) == 2)
    assert [found.text for found in world.feedback] == ["twice"]


async def test_a_cut_connection_is_opened_again(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        sandbox.slack.sockets.cut()
        sandbox.slack.say("#feedback", "said while nobody listened")
        await until(lambda: world.feedback)
        await until(lambda: world.states["slack"].state == "running")


async def test_what_slack_gave_up_on_is_read_from_the_history(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        await until(lambda: "slack" in world.shared.cursors)
    sandbox.slack.say("#feedback", "said while no worker ran")
    await until(lambda: not sandbox.slack.sockets.pending)
    async with running(world):
        await until(lambda: world.feedback)
    assert [found.text for found in world.feedback] == ["said while no worker ran"]


async def test_a_missed_deletion_of_a_young_message_is_found_by_a_second_reading(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_history, "SETTLED_S", 1.0)
    world = world_of(sandbox)
    async with running(world, timing=replace(QUICK, settled=1.2)):
        ts = sandbox.slack.say("#feedback", "soon gone")
        await until(lambda: len(world.feedback) == 1)
        # Nobody is told: the event went to a connection that has just been lost.
        monkeypatch.setattr(sandbox.slack.sockets, "emit", lambda outgoing: None)
        sandbox.slack.delete("#feedback", ts)
        sandbox.slack.sockets.cut()
        await until(lambda: len(world.feedback) == 2)
    assert (world.feedback[1].kind, world.feedback[1].id) == ("delete", world.feedback[0].id)


async def test_slack_asking_for_a_new_connection_loses_nothing(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world):
        refresh = asyncio.create_task(sandbox.slack.sockets.refresh())
        for number in range(5):
            sandbox.slack.say("#feedback", f"message {number}")
        await until(lambda: len({found.id for found in world.feedback}) == 5)
        refresh.cancel()
        await asyncio.gather(refresh, return_exceptions=True)


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


async def test_it_is_paused_and_resumed_while_it_runs(sandbox: Sandbox) -> None:
    world = world_of(sandbox)
    async with running(world) as socket:
        world.shared.stopped.add("slack")
        await until(lambda: socket.connections == 0)
        await until(lambda: world.states["slack"].state == "paused")
        world.shared.stopped.clear()
        await until(lambda: socket.connections == 1)
        sandbox.slack.say("#feedback", "again")
        await until(lambda: world.feedback)


async def test_of_two_sources_one_can_be_paused(sandbox: Sandbox) -> None:
    world = world_of(
        sandbox,
        {"id": "a", "type": "slack", "channel": "#feedback"},
        {"id": "b", "type": "slack", "channel": "#product"},
    )
    world.shared.stopped.add("a")
    async with running(world):
        sandbox.slack.say("#feedback", "paused")
        sandbox.slack.say("#product", "read")
        await until(lambda: len(acknowledged(sandbox)) == 2)
    assert [found.source for found in world.feedback] == ["b"]
    assert (world.states["a"].state, world.states["b"].state) == ("paused", "running")


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
    timing = replace(QUICK, strangers_again=0.2)
    async with running(other):
        ours = running(world, timing=timing)
        await ours.__aenter__()
        await until(lambda: "slack_token_shared" in shown_of(world))
    await until(lambda: world.states["slack"].state == "running")
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


async def test_a_ninth_connection_gives_way(sandbox: Sandbox) -> None:
    worlds = [world_of(sandbox) for _ in range(9)]
    async with asyncio.timeout(20):
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


async def test_buttons_are_handed_on_and_acknowledged(sandbox: Sandbox) -> None:
    pressed: list[dict[str, Any]] = []

    async def take(payload: dict[str, Any]) -> None:
        pressed.append(payload)

    world = world_of(sandbox)
    async with running(world, interactive=take):
        payload = {"type": "block_actions", "actions": [{"action_id": "snooze"}]}
        sandbox.slack.sockets.emit(Outgoing("interactive", payload, ("press",), "press"))
        await until(lambda: acknowledged(sandbox))
    assert pressed == [payload]


async def test_missing_tokens_stop_the_start() -> None:
    bare = World(
        settings({"id": "slack", "type": "slack", "channel": "#feedback"}), SystemClock().time
    )
    with pytest.raises(ConfigurationError, match="FEEDBACK_SLACK_BOT_TOKEN"):
        SlackSocket(bare, SystemClock(), lambda: 1)

"""What comes over Socket Mode, with slack_sdk against the stand-in Slack."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from feedback_app.hop.errors import TransientError
from feedback_app.sandbox import SLACK_BOT_TOKEN, Sandbox
from feedback_app.sandbox.slack.sockets import Outgoing
from feedback_app.sources.slack import history as slack_history
from feedback_app.sources.testing import until
from tests.component.sources.slack_running import (
    QUICK,
    acknowledged,
    live_sandbox,
    running,
    world_of,
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Yield a sandbox with the machine's time."""
    async with live_sandbox() as box:
        yield box


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
    async with running(world):
        await until(lambda: "slack" in world.shared.cursors)
        world.refuse.append(TransientError("kafka", "no broker"))
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


async def test_what_slack_gave_up_on_is_read_from_the_history() -> None:
    async with live_sandbox(retry_after_s=(0, 0.3)) as sandbox:
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
    assert {found.text for found in world.feedback} == {"again"}


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


async def test_buttons_are_handed_on_and_acknowledged(sandbox: Sandbox) -> None:
    pressed: list[dict[str, Any]] = []

    async def press(payload: dict[str, Any]) -> None:
        pressed.append(payload)

    world = world_of(sandbox)
    async with running(world, on_press=press):
        payload = {"type": "block_actions", "actions": [{"action_id": "snooze"}]}
        sandbox.slack.sockets.emit(Outgoing("interactive", payload, ("press",), "press"))
        await until(lambda: acknowledged(sandbox))
    assert pressed == [payload]

"""The control API over HTTP."""

import asyncio

import aiohttp
import pytest

from feedback_app.sandbox import ManualClock, Sandbox

from .conftest import Post


async def test_x_posts_are_created_edited_and_deleted(act: Post, sandbox: Sandbox) -> None:
    id = (await act("x/post", text="good", author="ana"))["id"]
    edited = (await act("x/edit", id=id, text="bad"))["id"]
    (post,) = sandbox.x.timeline()
    assert (str(post.id), post.text, post.author.username) == (edited, "bad", "ana")
    await act("x/delete", id=id)
    assert list(sandbox.x.timeline()) == []


async def test_slack_messages_are_created_edited_and_deleted(act: Post, sandbox: Sandbox) -> None:
    where = {"channel": "#feedback"}
    ts = (await act("slack/say", text="good", user="tom.hale", **where))["ts"]
    await act("slack/edit", ts=ts, text="bad", **where)
    (message,) = sandbox.slack.channel("#feedback").messages
    assert (message.ts, message.text) == (ts, "bad")
    await act("slack/delete", ts=ts, **where)
    assert sandbox.slack.channel("#feedback").messages == []


async def test_administrator_actions(act: Post, sandbox: Sandbox) -> None:
    await act("slack/archive", channel="#product")
    assert sandbox.slack.channel("#product").archived
    await act("slack/remove-bot", channel="#feedback")
    assert not sandbox.slack.channel("#feedback").has_bot
    await act("slack/add-bot", channel="#feedback")
    assert sandbox.slack.channel("#feedback").has_bot
    await act("slack/scopes", scopes=["chat:write"])
    assert sandbox.slack.access.scopes == {"chat:write"}
    await act("slack/revoke")
    assert sandbox.slack.access.revoked
    await act("x/revoke")
    assert sandbox.x.gate.token is None
    id = (await act("slack/create", name="beta", private=True))["id"]
    assert sandbox.slack.channel("#beta").id == id


async def test_faults_are_requested(act: Post, sandbox: Sandbox) -> None:
    assert (await act("faults", names=["429"], share=1.0, most=3))["status"] == 200
    assert sandbox.faults.names == {"429"}
    answer = await act("faults", names=["flood"])
    assert (answer["status"], "unknown fault" in answer["error"]) == (400, True)


@pytest.mark.parametrize(
    ("action", "arguments", "status"),
    [
        ("x/fly", {}, 404),
        ("x/post", {"message": "no such argument"}, 400),
        ("x/edit", {"id": "1", "text": "no such post"}, 404),
        ("slack/say", {"channel": "#nowhere", "text": "x"}, 404),
        ("play", {"items": [{"text": ""}]}, 400),
    ],
)
async def test_invalid_actions_are_rejected(
    act: Post, action: str, arguments: dict[str, object], status: int
) -> None:
    answer = await act(action, **arguments)
    assert answer["status"] == status
    assert answer["error"]


async def test_pages_of_other_sites_cannot_act(
    http: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    async with http.post("/sandbox/x/revoke", data="{}") as answer:
        assert answer.status == 415
    async with http.post("/sandbox/x/revoke", json={}, headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403
    assert sandbox.x.gate.token is not None


async def test_items_are_played_and_the_progress_is_reported(
    act: Post, http: aiohttp.ClientSession, sandbox: Sandbox, clock: ManualClock
) -> None:
    items = [{"text": f"item {number}"} for number in range(4)]
    assert (await act("play", items=items, via="x", rate=1))["total"] == 4

    async def progress() -> tuple[int, int, bool]:
        async with http.get("/sandbox/progress") as answer:
            body = await answer.json()
        return body["put"], body["total"], body["done"]

    assert await progress() == (1, 4, False)
    clock.advance(1)
    assert await progress() == (2, 4, False)
    for _ in range(2):
        clock.advance(1)
        await progress()
    assert await progress() == (4, 4, True)
    assert len(list(sandbox.x.timeline())) == 4


async def test_the_state_and_the_feed_show_changes(
    act: Post, http: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    sandbox.slack.say("#feedback", "before")
    async with http.get("/sandbox/events") as feed:
        assert await feed.content.readline() == b": open\n"
        sandbox.slack.say("#feedback", "a < b", user="tom.hale")
        sandbox.x.post("on x", author="ana")
        lines: list[bytes] = []
        while len(lines) < 2:
            line = await asyncio.wait_for(feed.content.readline(), 60)
            if line.startswith(b"data: "):
                lines.append(line)
    assert b'"text":"a &lt; b"' in lines[0]
    assert b'"author":"Tom Hale"' in lines[0]
    assert b'"text":"on x"' in lines[1]
    async with http.get("/sandbox/state") as answer:
        state = await answer.json()
    assert [message["text"] for message in state["channels"][0]["messages"]] == [
        "before",
        "a &lt; b",
    ]
    assert state["posts"][0]["text"] == "on x"

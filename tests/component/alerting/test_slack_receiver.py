"""The Slack receiver against the stand-in Slack, and against servers that misbehave."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from pydantic import SecretStr

from feedback_app.alerting.outcome import Done, NotDone, Outcome, Refused, Uncertain
from feedback_app.alerting.receivers.base import FindFailed
from feedback_app.alerting.receivers.slack import receiver as slack_receiver
from feedback_app.alerting.receivers.slack.message import (
    SlackMessage,
    digest,
    line,
    single,
    withdrawn,
)
from feedback_app.alerting.receivers.slack.receiver import SlackReceiver
from feedback_app.hop import TransientError
from feedback_app.sandbox import SLACK_BOT_TOKEN, ManualClock, Sandbox
from feedback_app.settings import ConfigurationError
from feedback_app.slack import guard
from models import Alert

START = 1_790_000_000.0
NEGATIVE = "#negative-feedback"


def alert(text: str = "It broke <!channel> & nobody answers") -> Alert:
    """Return an alert."""
    return Alert(
        id="a" * 32,
        op="put",
        rule="negative",
        channel="",
        feedback_id="x:1",
        text=text,
        score=0.1,
        label="negative",
        source="x",
    )


def always() -> bool:
    """Let every request go."""
    return True


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock(START)


@pytest.fixture
async def sandbox(clock: ManualClock) -> AsyncIterator[Sandbox]:
    """Yield a sandbox that shows posts at once and does not limit them."""
    box = Sandbox(clock=clock, posts_per_second=None, slack={"history_delay": (0, 0)})
    await box.start()
    yield box
    await box.stop()


@pytest.fixture
async def slack(sandbox: Sandbox) -> AsyncIterator[SlackReceiver]:
    """Yield a client of the sandbox."""
    client = SlackReceiver(SecretStr(SLACK_BOT_TOKEN), sandbox.slack_url)
    yield client
    await client.close()


async def test_a_post_is_found_changed_and_deleted(sandbox: Sandbox, slack: SlackReceiver) -> None:
    channel = sandbox.slack.channel(NEGATIVE)
    outcome = await slack.post(channel.id, single(alert()), always)
    assert isinstance(outcome, Done)
    (found,) = await slack.find(channel.id, START - 60)
    assert (found.ts, found.lookup) == (outcome.ts, "a" * 32)
    assert await slack.update(channel.id, outcome.ts, withdrawn(alert())) == Done(outcome.ts)
    (message,) = channel.messages
    assert "Withdrawn" in message.text
    assert await slack.find(channel.id, START - 60) == [found]
    assert await slack.delete(channel.id, outcome.ts) == Done(outcome.ts)
    assert not channel.messages
    gone = await slack.update(channel.id, outcome.ts, withdrawn(alert()))
    assert gone == Refused("message_not_found", False, gone=True)


async def test_slack_takes_the_largest_messages(sandbox: Sandbox, slack: SlackReceiver) -> None:
    channel = sandbox.slack.channel(NEGATIVE).id
    for text in ("<" * 5000, "😡" * 5000, "word " * 1000, "", "\x00\n"):
        one = alert(text)
        made = digest("d" * 32, 1, [(f"{n:032x}", line(one)) for n in range(40)])
        for message in (single(one), withdrawn(one), made):
            assert isinstance(await slack.post(channel, message, always), Done)


async def test_history_is_read_to_its_last_page(
    sandbox: Sandbox, slack: SlackReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_receiver, "PAGE", 2)
    channel = sandbox.slack.channel(NEGATIVE)
    made = [await slack.post(channel.id, single(alert()), always) for _ in range(5)]
    sandbox.slack.say(NEGATIVE, "a person's words")
    found = await slack.find(channel.id, START - 60)
    assert [Done(one.ts) for one in found] == made
    assert await slack.find(channel.id, START + 60) == []


async def test_a_channel_that_takes_nothing(sandbox: Sandbox, slack: SlackReceiver) -> None:
    channel = sandbox.slack.channel(NEGATIVE)
    sandbox.slack.remove_bot(NEGATIVE)
    refused = await slack.post(channel.id, single(alert()), always)
    assert refused == Refused("not_in_channel", True)
    sandbox.slack.archive(NEGATIVE)
    assert await slack.post(channel.id, single(alert()), always) == Refused("is_archived", True)
    unknown = await slack.post("C0NOWHERE", single(alert()), always)
    assert unknown == Refused("channel_not_found", True)


async def test_a_post_withheld_at_the_last_moment_is_never_sent(
    sandbox: Sandbox, slack: SlackReceiver
) -> None:
    channel = sandbox.slack.channel(NEGATIVE)
    outcome = await slack.post(channel.id, single(alert()), lambda: False)
    assert isinstance(outcome, NotDone)
    assert not channel.messages
    # The guard is that of one post only.
    assert isinstance(await slack.post(channel.id, single(alert()), always), Done)
    assert await slack.find(channel.id, START - 60)


async def test_names_become_ids(sandbox: Sandbox, slack: SlackReceiver) -> None:
    expected = {NEGATIVE: sandbox.slack.channel(NEGATIVE).id, "C0123456789": "C0123456789"}
    assert (await slack.resolve([NEGATIVE, "C0123456789", NEGATIVE])).ids == expected
    found = await slack.resolve([NEGATIVE, "#nowhere"])
    assert list(found.ids) == [NEGATIVE]
    assert "#nowhere" in found.unknown["#nowhere"]


async def test_ids_are_looked_for_where_that_is_asked_for(
    sandbox: Sandbox, slack: SlackReceiver
) -> None:
    known = sandbox.slack.channel(NEGATIVE).id
    found = await slack.resolve([known, "C0123456789"], verify=True)
    assert found.ids == {known: known}
    assert "C0123456789" in found.unknown["C0123456789"]


async def test_without_a_token_only_ids_are_known() -> None:
    slack = SlackReceiver(None, "http://127.0.0.1:1/api/")
    assert (await slack.resolve(["C0123456789"])).ids == {"C0123456789": "C0123456789"}
    with pytest.raises(ConfigurationError, match="FEEDBACK_SLACK_BOT_TOKEN"):
        await slack.resolve([NEGATIVE])


async def test_an_archived_channel_has_its_id_and_a_new_one_of_that_name_goes_before(
    sandbox: Sandbox, slack: SlackReceiver
) -> None:
    archived = sandbox.slack.channel(NEGATIVE)
    sandbox.slack.archive(NEGATIVE)
    assert (await slack.resolve([NEGATIVE])).ids == {NEGATIVE: archived.id}
    successor = sandbox.slack.create(NEGATIVE)
    assert successor.id != archived.id
    assert (await slack.resolve([NEGATIVE])).ids == {NEGATIVE: successor.id}


async def test_one_post_too_many_is_told_to_wait(clock: ManualClock) -> None:
    box = Sandbox(clock=clock, posts_per_second=1, slack={"history_delay": (0, 0)})
    await box.start()
    client = SlackReceiver(SecretStr(SLACK_BOT_TOKEN), box.slack_url)
    channel = box.slack.channel(NEGATIVE).id
    outcomes = [await client.post(channel, single(alert()), always) for _ in range(3)]
    assert outcomes[-1] == NotDone("ratelimited", 1.0)
    await client.close()
    await box.stop()


Handler = Callable[[web.Request], web.StreamResponse]


@contextlib.asynccontextmanager
async def serving(answer: Handler) -> AsyncIterator[tuple[SlackReceiver, list[str]]]:
    """Yield a client of a server that answers everything so, and the paths that it was asked."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return answer(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    client = SlackReceiver(SecretStr("xoxb-test"), f"http://{host}:{port}/api/")
    try:
        yield client, asked
    finally:
        await client.close()
        await runner.cleanup()


def reset(request: web.Request) -> web.StreamResponse:
    """Drop the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


ANSWERS: list[tuple[Handler, Outcome]] = [
    (lambda _: web.Response(status=502, text="<html>"), Uncertain("HTTP 502")),
    (lambda _: web.json_response({"ok": False}, status=503), Uncertain("HTTP 503")),
    (
        lambda _: web.Response(status=429, headers={"Retry-After": "7"}, text="slow down"),
        NotDone("ratelimited", 7.0),
    ),
    (
        lambda _: web.json_response({"ok": False, "error": "token_revoked"}),
        NotDone("token_revoked"),
    ),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
async def test_each_post_is_one_attempt_whatever_the_answer(
    answer: Handler, expected: Outcome
) -> None:
    async with serving(answer) as (client, asked):
        assert await client.post("C0", single(alert()), always) == expected
        assert asked == ["/api/chat.postMessage"]
        with pytest.raises(FindFailed) as raised:
            await client.find("C0", START)
        assert raised.value.outcome == expected


@pytest.mark.parametrize(
    "answer",
    [
        reset,
        lambda _: web.Response(text="not json", content_type="application/json"),
        lambda _: web.Response(text="ok", content_type="text/plain"),
        lambda _: web.json_response(["ok"]),
        lambda _: web.json_response({"ok": True}),
    ],
)
async def test_an_answer_that_says_nothing_is_uncertain_and_not_tried_again(
    answer: Handler,
) -> None:
    async with serving(answer) as (client, asked):
        assert isinstance(await client.post("C0", single(alert()), always), Uncertain)
        assert len(asked) == 1


async def test_an_answer_that_never_comes_is_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "TOTAL_S", 1.0)
    in_flight = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await in_flight.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    client = SlackReceiver(SecretStr("xoxb-test"), f"http://{host}:{port}/api/")
    assert isinstance(await client.post("C0", single(alert()), always), Uncertain)
    in_flight.set()
    await client.close()
    server.close()
    await server.wait_closed()


async def test_a_refused_connection_was_not_posted() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        client = SlackReceiver(SecretStr("xoxb-test"), f"http://127.0.0.1:{port}/api/")
        message: SlackMessage = single(alert())
        assert isinstance(await client.post("C0", message, always), NotDone)
        with pytest.raises(TransientError, match="cannot list"):
            await client.resolve([NEGATIVE])
        await client.close()


@pytest.mark.parametrize(("kept_s", "connections"), [(60.0, 1), (0.0, 3)])
async def test_posts_one_after_the_other_share_a_connection_that_does_not_rest_for_long(
    monkeypatch: pytest.MonkeyPatch, kept_s: float, connections: int
) -> None:
    monkeypatch.setattr(guard, "KEEP_S", kept_s)
    peers: list[object] = []

    def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return web.json_response({"ok": True, "ts": "1.000001"})

    async with serving(answer) as (client, _):
        for _ in range(3):
            assert await client.post("C0", single(alert()), always) == Done("1.000001")
        assert len(set(peers)) == connections
        assert isinstance(await client.post("C0", single(alert()), lambda: False), NotDone)
        assert len(peers) == 3, "the guard is asked on a connection that stands already, too"


async def test_a_connection_that_slack_closed_is_not_used_again() -> None:
    closed = asyncio.Event()
    body = b'{"ok": true, "ts": "1.000001"}'

    async def answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        await reader.readexactly(int(length[1]))
        kind = b"Content-Type: application/json"
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body)))
        writer.write(body)
        writer.write_eof()
        assert await reader.read() == b"", "a second post came"
        writer.close()
        closed.set()

    server = await asyncio.start_server(answer_and_close, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    client = SlackReceiver(SecretStr("xoxb-test"), f"http://{host}:{port}/api/")
    for _ in range(3):
        assert await client.post("C0", single(alert()), always) == Done("1.000001")
        await asyncio.wait_for(closed.wait(), 60)
        closed.clear()
    await client.close()
    server.close()
    await server.wait_closed()


async def test_a_missing_scope_says_what_to_mend() -> None:
    async with serving(lambda _: web.json_response({"ok": False, "error": "missing_scope"})) as (
        client,
        _,
    ):
        with pytest.raises(ConfigurationError, match="channels:read"):
            await client.resolve([NEGATIVE])


@pytest.mark.parametrize("entry", [7, None, {}, {"id": 7, "name": "a"}, {"id": "C1"}])
async def test_a_malformed_entry_of_the_list_hides_no_other_channel(entry: object) -> None:
    body = {"ok": True, "channels": [entry, {"id": "C2", "name": "there"}]}
    async with serving(lambda _: web.json_response(body)) as (client, _):
        assert (await client.resolve(["#there", "#a"])).ids == {"#there": "C2"}


@pytest.mark.parametrize(
    "body",
    [{"ok": True}, {"ok": True, "channels": 7}],
)
async def test_a_malformed_list_of_channels_is_a_transient_error(body: dict[str, object]) -> None:
    async with serving(lambda _: web.json_response(body)) as (client, _):
        with pytest.raises(TransientError, match="malformed"):
            await client.resolve([NEGATIVE])

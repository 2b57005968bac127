"""Socket Mode of the stand-in Slack, with Slack's own client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.sandbox import SLACK_APP_TOKEN, SLACK_BOT_TOKEN, ManualClock, Sandbox
from feedback_app.sandbox.log import Acknowledged, Given

from .conftest import until


class Listener:
    """Slack's client, and the events it received."""

    def __init__(self, sandbox: Sandbox, *, acknowledge: bool = True) -> None:
        web = AsyncWebClient(SLACK_BOT_TOKEN, base_url=sandbox.slack_url, retry_handlers=[])
        self.client: Any = SocketModeClient(SLACK_APP_TOKEN, web_client=web, ping_interval=60)
        self.messages: list[dict[str, Any]] = []
        self.requests: list[SocketModeRequest] = []
        self._acknowledge = acknowledge
        self.client.on_message_listeners.append(self._hear)
        self.client.socket_mode_request_listeners.append(self._take)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [request.payload["event"] for request in self.requests]

    async def _hear(self, message: Any) -> None:
        if message.type is WSMsgType.TEXT:
            self.messages.append(message.json())

    async def _take(self, client: Any, request: SocketModeRequest) -> None:
        self.requests.append(request)
        if self._acknowledge:
            await client.send_socket_mode_response(
                SocketModeResponse(envelope_id=request.envelope_id)
            )


@asynccontextmanager
async def listening(sandbox: Sandbox, **more: Any) -> AsyncIterator[Listener]:
    listener = Listener(sandbox, **more)
    await listener.client.connect()
    await until(lambda: bool(listener.messages))
    try:
        yield listener
    finally:
        await listener.client.close()


def acknowledged(sandbox: Sandbox) -> list[Acknowledged]:
    return [entry for entry in sandbox.log.entries if isinstance(entry, Acknowledged)]


def given(sandbox: Sandbox) -> list[Given]:
    return [
        entry for entry in sandbox.log.entries if isinstance(entry, Given) and entry.via == "socket"
    ]


async def test_hello_has_the_number_of_connections(sandbox: Sandbox) -> None:
    async with listening(sandbox) as one, listening(sandbox) as two:
        assert one.messages[0]["type"] == two.messages[0]["type"] == "hello"
        assert one.messages[0]["num_connections"] == 1
        assert two.messages[0]["num_connections"] == 2
        assert two.messages[0]["connection_info"] == {"app_id": "A0SANDBOX1"}


async def test_only_the_app_token_opens_a_connection(slack: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await slack.apps_connections_open(app_token=SLACK_BOT_TOKEN)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await slack.apps_connections_open(app_token="xapp-wrong")


async def test_a_ticket_opens_one_connection(sandbox: Sandbox, slack: AsyncWebClient) -> None:
    answer = await slack.apps_connections_open(app_token=SLACK_APP_TOKEN)
    async with listening(sandbox) as listener:
        session = listener.client.aiohttp_client_session
        socket = await session.ws_connect(answer["url"])
        await socket.close()
        with pytest.raises(Exception, match="401"):
            await session.ws_connect(answer["url"])


async def test_a_message_arrives_and_is_acknowledged(sandbox: Sandbox) -> None:
    async with listening(sandbox) as listener:
        ts = sandbox.slack.say("#feedback", "it broke", user="tom.hale")
        await until(lambda: bool(acknowledged(sandbox)))
        (request,) = listener.requests
        assert (request.type, request.retry_attempt) == ("events_api", 0)
        event = request.payload["event"]
        channel = sandbox.slack.channel("#feedback").id
        assert (event["channel"], event["ts"], event["text"]) == (channel, ts, "it broke")
        assert event["user"] == sandbox.slack.person("tom.hale").id
        assert acknowledged(sandbox)[0].ids == (f"{channel}:{ts}",)


async def test_edits_and_deletions_arrive(sandbox: Sandbox) -> None:
    async with listening(sandbox) as listener:
        ts = sandbox.slack.say("#feedback", "good")
        edited = sandbox.slack.edit("#feedback", ts, "bad")
        sandbox.slack.delete("#feedback", ts)
        await until(lambda: len(listener.requests) == 3)
        events = {event.get("subtype"): event for event in listener.events}
        changed = events["message_changed"]
        assert (changed["message"]["ts"], changed["message"]["text"]) == (ts, "bad")
        assert changed["message"]["edited"]["ts"] == edited
        assert changed["previous_message"]["text"] == "good"
        deleted = events["message_deleted"]
        assert deleted["deleted_ts"] == ts
        assert deleted["event_ts"] > edited


async def test_the_kinds_of_message(sandbox: Sandbox, slack: AsyncWebClient) -> None:
    async with listening(sandbox) as listener:
        parent = sandbox.slack.say("#feedback", "parent")
        sandbox.slack.say("#feedback", "also here", thread_ts=parent, broadcast=True)
        sandbox.slack.say_as_bot("#feedback", "deployed")
        sandbox.slack.join("#feedback", "newcomer")
        await slack.chat_postMessage(channel="#feedback", text="own")
        await until(lambda: len(listener.requests) == 5)
        events = {event["text"]: event for event in listener.events}
        assert events["also here"]["subtype"] == "thread_broadcast"
        assert events["also here"]["thread_ts"] == parent
        assert events["deployed"]["subtype"] == "bot_message"
        assert events["own"]["bot_id"] == "B0SANDBOX1"
        assert "subtype" not in events["own"]
        newcomer = sandbox.slack.person("newcomer").id
        assert events[f"<@{newcomer}> has joined the channel"]["subtype"] == "channel_join"


async def test_channels_without_the_bot_are_silent(sandbox: Sandbox) -> None:
    async with listening(sandbox) as listener:
        sandbox.slack.remove_bot("#product")
        sandbox.slack.say("#product", "unheard")
        sandbox.slack.say("#feedback", "heard")
        await until(lambda: bool(listener.requests))
        assert [event["text"] for event in listener.events] == ["heard"]


async def test_an_event_goes_to_one_connection_only(sandbox: Sandbox) -> None:
    async with listening(sandbox) as one, listening(sandbox) as two:
        posted = {sandbox.slack.say("#feedback", f"message {number}") for number in range(30)}
        await until(lambda: len(acknowledged(sandbox)) == 30)
        first = {event["ts"] for event in one.events}
        second = {event["ts"] for event in two.events}
        assert first
        assert second
        assert first | second == posted
        assert not first & second


async def test_an_unacknowledged_event_is_retried_three_times(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    async with listening(sandbox, acknowledge=False) as listener:
        sandbox.slack.say("#feedback", "hello?")
        for wait in (3, 3, 60, 3, 300, 3):
            await until(lambda wait=wait: clock.next_in == wait)  # type: ignore[misc]
            clock.advance(wait)
        await until(lambda: not sandbox.slack.sockets.pending)
        attempts = [(r.retry_attempt, r.retry_reason) for r in listener.requests]
        assert attempts == [(0, ""), (1, "timeout"), (2, "timeout"), (3, "timeout")]
        assert len({r.payload["event_id"] for r in listener.requests}) == 1
        assert [entry.attempt for entry in given(sandbox)] == [0, 1, 2, 3]


async def test_a_late_acknowledgement_ends_the_retries(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    async with listening(sandbox, acknowledge=False) as listener:
        sandbox.slack.say("#feedback", "hello?")
        await until(lambda: len(listener.requests) == 1)
        clock.advance(3)
        await until(lambda: len(listener.requests) == 2)
        first = SocketModeResponse(envelope_id=listener.requests[0].envelope_id)
        await listener.client.send_socket_mode_response(first)
        await until(lambda: not sandbox.slack.sockets.pending)
        assert len(acknowledged(sandbox)) == 1


async def test_an_event_without_a_connection_is_retried(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.slack.say("#feedback", "anyone?")
    await asyncio.sleep(0)
    async with listening(sandbox) as listener:
        clock.advance(3)
        await until(lambda: bool(acknowledged(sandbox)))
        assert listener.requests[0].retry_reason == "connection_failed"


async def test_a_refresh_leads_to_a_new_connection_that_works(sandbox: Sandbox) -> None:
    async with listening(sandbox) as listener:
        await sandbox.slack.sockets.refresh()
        await until(lambda: [m["type"] for m in listener.messages].count("hello") == 2)
        assert {"disconnect", "hello"} == {message["type"] for message in listener.messages}
        sandbox.slack.say("#feedback", "still there?")
        await until(lambda: bool(acknowledged(sandbox)))
        assert len(listener.requests) == 1


async def test_an_old_connection_is_asked_to_disconnect(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    async with listening(sandbox) as listener:
        clock.advance(3590)
        await until(lambda: len(listener.messages) == 2)
        assert listener.messages[1]["reason"] == "warning"


async def test_an_eleventh_connection_is_rejected(sandbox: Sandbox) -> None:
    listeners = [Listener(sandbox) for _ in range(11)]
    try:
        for listener in listeners[:10]:
            await listener.client.connect()
        await until(lambda: len(sandbox.slack.sockets.connections) == 10)
        web = listeners[10].client.web_client
        answer = await web.apps_connections_open(app_token=SLACK_APP_TOKEN)
        socket = await listeners[10].client.aiohttp_client_session.ws_connect(answer["url"])
        assert (await socket.receive_json())["reason"] == "too_many_websockets"
    finally:
        await asyncio.gather(*(listener.client.close() for listener in listeners))


async def test_a_pressed_button_arrives_once(
    sandbox: Sandbox, slack: AsyncWebClient, clock: ManualClock
) -> None:
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Acknowledge"},
        "action_id": "acknowledge",
        "value": "alert-1",
    }
    async with listening(sandbox) as listener:
        posted = await slack.chat_postMessage(
            channel="#negative-feedback",
            text="alert",
            blocks=[{"type": "actions", "elements": [button]}],
        )
        sandbox.slack.press("#negative-feedback", posted["ts"], "acknowledge", user="tom.hale")
        await until(lambda: len(acknowledged(sandbox)) == 2)
        (press,) = [request for request in listener.requests if request.type == "interactive"]
        assert press.payload["actions"][0]["value"] == "alert-1"
        assert press.payload["user"]["name"] == "tom.hale"
        assert press.payload["message"]["ts"] == posted["ts"]
        with pytest.raises(KeyError):
            sandbox.slack.press("#negative-feedback", posted["ts"], "snooze")


async def test_the_servers_ping_is_answered(sandbox: Sandbox) -> None:
    async with listening(sandbox) as listener:
        assert listener.client.current_session is not None
        await listener.client.current_session.ping(b"sdk-ping-pong:1.5")
        await until(lambda: listener.client.last_ping_pong_time == 1.5)

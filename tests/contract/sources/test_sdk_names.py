"""The names of tweepy and slack_sdk that the sources rely on beyond their documented use."""

import inspect

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient
from tweepy.asynchronous import AsyncClient, AsyncStreamingClient
from tweepy.asynchronous.client import AsyncBaseClient
from tweepy.asynchronous.streaming import AsyncBaseStream

from feedback_app.sources.x.client import TWEEPY_HOST
from feedback_app.sources.x.connection import Connection


def test_tweepy_asks_the_host_that_is_rewritten() -> None:
    assert f'url = "{TWEEPY_HOST}" + route' in inspect.getsource(AsyncBaseClient.request)
    assert f'url = f"{TWEEPY_HOST}/' in inspect.getsource(AsyncStreamingClient._connect)


def test_tweepy_uses_the_session_it_is_given_as_a_context_manager() -> None:
    source = inspect.getsource(AsyncBaseClient.request)
    assert "session = self.session or" in source
    assert "async with session.request(" in source


async def test_tweepy_takes_a_return_type_and_leaves_dicts_alone() -> None:
    client = AsyncClient(bearer_token="-", return_type=dict)
    assert client.return_type is dict
    assert client.wait_on_rate_limit is False


def test_what_the_stream_overrides_is_there_and_takes_the_same_arguments() -> None:
    for name in (
        "on_connect",
        "on_data",
        "on_closed",
        "on_connection_error",
        "on_request_error",
        "on_exception",
        "on_disconnect",
    ):
        theirs = getattr(AsyncStreamingClient, name)
        ours = getattr(Connection, name)
        assert ours is not theirs
        assert list(inspect.signature(ours).parameters) == list(
            inspect.signature(theirs).parameters
        ), name
    parameters = list(inspect.signature(AsyncBaseStream._connect).parameters)
    assert parameters[:5] == ["self", "method", "url", "params", "headers"]


def test_an_exception_in_a_callback_reaches_on_exception() -> None:
    source = inspect.getsource(AsyncBaseStream._connect)
    assert "except Exception as e:\n            await self.on_exception(e)" in source


async def test_socket_mode_has_what_the_watchdog_looks_at() -> None:
    client = SocketModeClient("xapp-", web_client=AsyncWebClient(), auto_reconnect_enabled=False)
    try:
        assert client.auto_reconnect_enabled is False
        assert client.last_ping_pong_time is None
        assert client.current_session is None
        assert client.wss_uri is None
        assert client.on_message_listeners == []
    finally:
        await client.close()  # type: ignore[no-untyped-call]

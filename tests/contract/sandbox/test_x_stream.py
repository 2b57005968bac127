"""The filtered stream of the stand-in X, read by tweepy."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tweepy import StreamRule
from tweepy.asynchronous import AsyncStreamingClient

from feedback_app.sandbox import X_BEARER_TOKEN, ManualClock, Sandbox

from .conftest import Redirect, until


class Reader(AsyncStreamingClient):  # type: ignore[misc]
    """tweepy's stream, connected to the sandbox, and the posts it received."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(X_BEARER_TOKEN, max_retries=0)
        self.sandbox = sandbox
        self.lines: list[Any] = []
        self.keepalives = 0
        self.refused: list[int] = []
        self.connected = False
        self.closed = False

    async def _connect(self, method: str, endpoint: str, **more: Any) -> None:
        # Same as tweepy's method, with the sandbox's address instead of X's.
        url = f"{self.sandbox.x_url}/2/tweets/{endpoint}/stream"
        headers = {"Authorization": f"Bearer {self.bearer_token}"}
        await super(AsyncStreamingClient, self)._connect(method, url, headers=headers, **more)

    async def on_connect(self) -> None:
        self.connected = True

    async def on_response(self, response: Any) -> None:
        self.lines.append(response)

    async def on_keep_alive(self) -> None:
        self.keepalives += 1

    async def on_request_error(self, status_code: int) -> None:
        self.refused.append(status_code)
        self.disconnect()

    async def on_closed(self, resp: Any) -> None:
        self.closed = True
        self.disconnect()


@pytest.fixture
async def reader(sandbox: Sandbox) -> AsyncIterator[Reader]:
    stream = Reader(sandbox)
    yield stream
    if stream.task is not None:
        stream.disconnect()
        # The task closes tweepy's session before it ends.
        await asyncio.wait([stream.task])


async def with_rules(reader: Reader, session: aiohttp.ClientSession, *rules: StreamRule) -> Any:
    own, reader.session = reader.session, None
    rule_client = AsyncStreamingClient(X_BEARER_TOKEN)
    rule_client.session = Redirect(session, reader.sandbox.x_url)
    answer = await rule_client.add_rules(list(rules))
    reader.session = own
    return answer


async def test_posts_that_match_a_rule_arrive_with_it(
    reader: Reader, session: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    added = await with_rules(reader, session, StreamRule("kettle -cheap", tag="kettles"))
    reader.filter(expansions=["author_id"], tweet_fields=["author_id"])
    await until(lambda: reader.connected and sandbox.x.stream.connections == 1)
    sandbox.x.post("a cheap kettle")
    first = sandbox.x.post("a fine kettle", author="ana")
    second = sandbox.x.edit(first, "a broken kettle")
    await until(lambda: len(reader.lines) == 2)
    assert [str(line.data.id) for line in reader.lines] == [first, second]
    assert reader.lines[0].includes["users"][0].username == "ana"
    assert reader.lines[0].matching_rules[0].id == added.data[0].id
    assert reader.lines[0].matching_rules[0].tag == "kettles"


async def test_a_blank_line_keeps_the_connection_alive(
    reader: Reader, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    await with_rules(reader, session, StreamRule("kettle", tag="t"))
    reader.filter()
    for count in (1, 2):
        await until(lambda: clock.next_in == 20)
        clock.advance(20)
        await until(lambda count=count: reader.keepalives == count)  # type: ignore[misc]
    assert (reader.connected, reader.closed, reader.lines) == (True, False, [])


async def test_one_connection_only(
    reader: Reader, session: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    await with_rules(reader, session, StreamRule("kettle", tag="t"))
    reader.filter()
    await until(lambda: sandbox.x.stream.connections == 1)
    second = Reader(sandbox)
    await asyncio.wait([second.filter()])
    assert second.refused == [429]


async def test_without_rules_there_is_no_stream(reader: Reader) -> None:
    reader.filter()
    await until(lambda: reader.refused == [409])
    assert not reader.connected


async def test_the_stream_can_be_closed_with_an_error(
    reader: Reader, session: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    await with_rules(reader, session, StreamRule("kettle", tag="t"))
    reader.filter()
    await until(lambda: reader.connected and sandbox.x.stream.connections == 1)
    sandbox.x.stream.cut(
        {
            "errors": [
                {"title": "operational-disconnect", "disconnect_type": "OperationalDisconnect"}
            ]
        }
    )
    await until(lambda: reader.closed and sandbox.x.stream.connections == 0)
    assert reader.lines[0].errors[0]["title"] == "operational-disconnect"


async def test_rules_are_added_listed_and_deleted(
    sandbox: Sandbox, session: aiohttp.ClientSession
) -> None:
    client = AsyncStreamingClient(X_BEARER_TOKEN)
    client.session = Redirect(session, sandbox.x_url)
    added = await client.add_rules([StreamRule("kettle", tag="t"), StreamRule("to:lumenkettle")])
    assert added.meta["summary"]["created"] == 2
    again = await client.add_rules(StreamRule("kettle"))
    assert again.errors[0]["title"] == "DuplicateRule"
    wrong = await client.add_rules(StreamRule("(kettle"))
    assert wrong.meta["summary"] == {"created": 0, "not_created": 1, "valid": 0, "invalid": 1}
    await client.delete_rules([added.data[0].id])
    left = await client.get_rules()
    assert [rule.value for rule in left.data] == ["to:lumenkettle"]

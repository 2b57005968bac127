"""The X client against answers that trip tweepy up: each is an outside fault with a name."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.x.client import XClient

NOW = 1_790_000_000.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN = "secret-of-the-test"


@asynccontextmanager
async def answering(handler: Handler, total: float = 30.0) -> AsyncIterator[XClient]:
    """Yield a client of a server with one answer."""
    app = web.Application()
    app.router.add_get("/2/tweets/search/recent", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = XClient(SecretStr(TOKEN), url, lambda: NOW, aiohttp.ClientTimeout(total=total))
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def fixed(status: int, body: str, kind: str = "text/html", **headers: str) -> Handler:
    """Return a handler with one answer."""

    async def handler(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=body, content_type=kind, headers=named)

    return handler


@pytest.mark.parametrize(
    ("handler", "state", "retry_after"),
    [
        (fixed(429, "<html>slow down</html>"), "rate_limited", 60),
        (fixed(429, "{}", "application/json"), "rate_limited", 60),
        (fixed(429, "{}", "application/json", x_rate_limit_reset="soon"), "rate_limited", 60),
        (
            fixed(429, "{}", "application/json", x_rate_limit_reset=str(int(NOW) + 9)),
            "rate_limited",
            10,
        ),
        (fixed(503, "<html>upstream</html>"), "failing", None),
        (fixed(500, "[]", "application/json"), "failing", None),
        (fixed(400, '{"errors": 17}', "application/json"), "failing", 60),
        (fixed(401, "null", "application/json"), "unauthorised", 60),
        (fixed(200, "<html>a captive portal</html>"), "failing", None),
        (fixed(200, "{", "application/json"), "failing", None),
        (fixed(418, '{"errors": [[]]}', "application/json"), "failing", None),
    ],
)
async def test_an_answer_is_a_fault(
    handler: Handler, state: str, retry_after: float | None
) -> None:
    async with answering(handler) as client:
        with pytest.raises(SourceFault) as caught:
            await client.search("q", since=1)
    fault = caught.value
    assert (fault.dependency, fault.state, fault.retry_after) == ("x", state, retry_after)


async def test_nobody_asks_again_before_the_time_that_x_named() -> None:
    asked = []

    async def limit(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=429, headers={"x-rate-limit-reset": str(int(NOW) + 99)})

    async with answering(limit) as client:
        for _ in range(3):
            with pytest.raises(SourceFault) as caught:
                await client.search("q", since=1)
            assert caught.value.retry_after == 100
    assert len(asked) == 1


async def test_json_under_another_type_is_a_fault_and_no_crash() -> None:
    async with answering(fixed(200, '{"meta": {}}', "text/plain")) as client:
        with pytest.raises(SourceFault):
            await client.search("q", since=1)


async def test_a_hung_answer_is_given_up() -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with answering(hang, total=0.5) as client:
        with pytest.raises(SourceFault, match="in time"):
            await client.search("q", since=1)


async def test_a_dropped_connection_is_a_fault() -> None:
    async def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with answering(drop) as client:
        with pytest.raises(SourceFault, match="reached"):
            await client.search("q", since=1)


async def test_the_token_is_sent_and_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        return web.json_response({"meta": {"result_count": 0}})

    caplog.set_level(logging.DEBUG)
    async with answering(note) as client:
        await client.search("q", since=1)
    assert seen == [f"Bearer {TOKEN}"]
    assert "Making API request" in caplog.text
    assert TOKEN not in caplog.text

"""On a real Faust app our routes take precedence, and our checks cover Faust's routes."""

from collections.abc import AsyncIterator
from typing import cast

import faust
import pytest
from aiohttp import ClientSession, web
from faust.web.drivers.aiohttp import Web

from feedback_app.web import security
from feedback_app.web.server import attach
from tests.web_view import busy_view


@pytest.fixture
async def page() -> AsyncIterator[str]:
    app = faust.App("web-test", broker="kafka://127.0.0.1:1")
    attach(cast(Web, app.web).web_app, busy_view(FEEDBACK_WEB_TOKEN="t"))
    runner = web.AppRunner(await app.web.wsgi(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}".format(*runner.addresses[0][:2])
    await runner.cleanup()


async def test_the_page_replaces_the_index_of_faust(page: str) -> None:
    async with (
        ClientSession(headers={"Authorization": "Bearer t"}) as http,
        http.get(page) as answer,
    ):
        assert answer.status == 200
        assert "<title>Feedback monitor</title>" in await answer.text()


async def test_the_routes_of_faust_require_the_token_and_have_the_headers(page: str) -> None:
    async with ClientSession() as http, http.get(f"{page}/router/") as answer:
        assert answer.status == 401
        assert answer.headers["X-Frame-Options"] == security.HEADERS["X-Frame-Options"]

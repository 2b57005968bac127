"""The page and its assets."""

import aiohttp
import pytest

from feedback_app.sandbox import Sandbox


@pytest.mark.parametrize(
    ("path", "type"),
    [
        ("/", "text/html"),
        ("/static/style.css", "text/css"),
        ("/static/page.js", "text/javascript"),
        ("/static/blocks.js", "text/javascript"),
    ],
)
async def test_files_are_served(http: aiohttp.ClientSession, path: str, type: str) -> None:
    async with http.get(path) as answer:
        assert (answer.status, answer.content_type) == (200, type)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert await answer.text()


async def test_no_other_file_is_served(http: aiohttp.ClientSession) -> None:
    async with http.get("/static/..%2Fpage.py") as answer:
        assert answer.status == 404


async def test_a_permalink_opens_the_page_at_the_message(
    http: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    ts = sandbox.slack.say("#feedback", "hello")
    link = f"/archives/C0SANDBOX001/p{ts.replace('.', '')}"
    async with http.get(link, allow_redirects=False) as answer:
        assert answer.headers["Location"] == f"/#C0SANDBOX001/{ts}"

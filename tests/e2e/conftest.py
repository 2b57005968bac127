"""A real Chromium for the tests of the page, driven by Playwright."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Expectations may take as long as lookups.
expect.set_options(timeout=30_000)

OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser, started once; without one the tests skip, or fail if CI is set."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        line = "no Chromium: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(line)
        pytest.skip(line)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser) -> AsyncIterator[OpenPage]:
    """Opens pages, each with its own profile.

    At the end there must be no request to another host and no error in the console.
    """
    errors: list[str] = []
    hosts: set[str] = set()

    async with AsyncExitStack() as stack:

        async def open_one(
            url: str,
            width: int = 1440,
            height: int = 900,
            scheme: Literal["light", "dark"] = "light",
            live: bool = True,
        ) -> Page:
            context = await chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(30_000)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console",
                lambda entry: (
                    errors.append(entry.text)
                    # Some tests provoke refused or failed requests.
                    if entry.type == "error" and "Failed to load resource" not in entry.text
                    else None
                ),
            )
            page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
            await page.goto(url)
            if live:
                await page.wait_for_selector('#live[data-state="live"]')
            return page

        yield open_one
    assert errors == []
    assert all(host.startswith("127.0.0.1:") for host in hosts)

"""The demo as a user sees it: both pages in a real Chromium, with the bundled model."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

OpenPage = Callable[..., Awaitable[Page]]

UP_WITHIN_S = 120.0
SEEN_WITHIN_MS = 60_000
TEXTS = (
    "This kettle is the worst thing I ever bought. It leaks, it is broken and nobody helps.",
    "I absolutely love this kettle! Best purchase of the year, thank you so much!",
    "The kettle comes in two colours.",
)


class Demo:
    """A running demo."""

    def __init__(self, process: asyncio.subprocess.Process, page: str, slack: str) -> None:
        self.process, self.page, self.slack = process, page, slack
        self.children = psutil.Process(process.pid).children(recursive=True)


@pytest_asyncio.fixture(loop_scope="session")
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    """The demo without any preparation: with its own broker, sandbox and worker."""
    lines = tmp_path / "in.jsonl"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    command = ("-m", "feedback_app", "demo", "--via", "slack")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--rate", "2", "--input", str(lines)),
        env=os.environ | {"TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    output = ""
    async with asyncio.timeout(UP_WITHIN_S):
        while "Ctrl-C" not in output:
            line = await process.stderr.readline()
            assert line, output
            output += line.decode()
    page, slack = re.findall(r"http://127\.0\.0\.1:\d+/", output)
    yield Demo(process, page, slack)
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def test_feedback_shows_on_the_page_and_its_alert_in_slack(
    demo: Demo, open_page: OpenPage
) -> None:
    page = await open_page(demo.page)
    slack = await open_page(demo.slack, live=False)
    messages = page.locator("#messages")
    for text in TEXTS:
        await expect(messages).to_contain_text(text[:40], timeout=SEEN_WITHIN_MS)
    await expect(page.locator("#t-balanced")).to_have_text("Balanced")
    await slack.get_by_text("negative-feedback").first.click()
    await expect(slack.locator("#messages")).to_contain_text(TEXTS[0][:40])
    await slack.get_by_text("positive-feedback").first.click()
    await expect(slack.locator("#messages")).to_contain_text(TEXTS[1][:40])
    demo.children += psutil.Process(demo.process.pid).children(recursive=True)
    demo.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    await demo.process.communicate()
    assert demo.process.returncode == 0
    assert time.monotonic() - began < 40
    _, alive = await asyncio.to_thread(psutil.wait_procs, demo.children, 10)
    assert alive == []

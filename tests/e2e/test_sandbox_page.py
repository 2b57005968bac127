"""The sandbox's page in a real Chromium: messages of people and of the app, live."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from feedback_app.sandbox import SLACK_BOT_TOKEN, Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="session")

OpenPage = Callable[..., Awaitable[Page]]

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script> & *<!channel>*'
ALERT: list[dict[str, Any]] = [
    {"type": "header", "text": {"type": "plain_text", "text": "Negative feedback"}},
    {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "> it *leaks* &amp; hisses\n<https://example.com|post>"},
        "fields": [{"type": "mrkdwn", "text": "*Score*\n0.04"}],
    },
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "by `someone`"}]},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": "Acknowledge"},
                "action_id": "acknowledge",
            }
        ],
    },
    {"type": "divider"},
]


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox without delays."""
    box = Sandbox(x={"index_delay": (0, 0)}, slack={"history_delay": (0, 0)})
    await box.start()
    yield box
    await box.stop()


async def alert(sandbox: Sandbox, channel: str = "#negative-feedback") -> str:
    """Post an alert as the app does and return its ts."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{sandbox.slack_url}chat.postMessage",
            json={"channel": channel, "text": "an alert", "blocks": ALERT},
            headers={"Authorization": f"Bearer {SLACK_BOT_TOKEN}"},
        ) as answer,
    ):
        ts: str = (await answer.json())["ts"]
        return ts


async def test_a_message_shows_with_its_changes(open_page: OpenPage, sandbox: Sandbox) -> None:
    before = sandbox.slack.say("#feedback", "before")
    page = await open_page(sandbox.url)
    messages = page.locator("#messages > li")
    await expect(messages).to_have_count(1)
    after = sandbox.slack.say("#feedback", "after", user="tom.hale")
    await expect(messages).to_have_count(2)
    await expect(messages.last).to_contain_text("Tom Hale")
    sandbox.slack.edit("#feedback", after, "quite *another* thing")
    await expect(messages.last.locator("strong", has_text="another")).to_be_visible()
    await expect(messages.last).to_contain_text("(edited)")
    sandbox.slack.delete("#feedback", before)
    await expect(messages).to_have_count(1)


async def test_hostile_text_is_shown_as_plain_text(open_page: OpenPage, sandbox: Sandbox) -> None:
    sandbox.slack.say("#feedback", HOSTILE)
    sandbox.slack.say("#feedback", HOSTILE, raw=True)
    sandbox.slack.say("#feedback", "<javascript:window.pwned=1|click>", raw=True)
    sandbox.x.post(HOSTILE)
    page = await open_page(sandbox.url)
    await expect(page.locator("#messages > li").first).to_contain_text("<img src=x onerror=")
    await expect(page.locator("#messages a")).to_have_count(0)
    await page.get_by_role("button", name="Timeline").click()
    await expect(page.locator("#messages > li").first).to_contain_text("<script>")
    assert await page.evaluate("window.pwned") is None
    assert await page.locator("#messages img, #messages script").count() == 0


async def test_an_alert_shows_and_its_button_works(open_page: OpenPage, sandbox: Sandbox) -> None:
    channel = sandbox.slack.channel("#negative-feedback")
    page = await open_page(f"{sandbox.url}/#{channel.id}")
    await alert(sandbox)
    message = page.locator("#messages > li")
    await expect(message.get_by_role("heading", name="Negative feedback")).to_be_visible()
    await expect(message.locator("blockquote")).to_have_text("it leaks & hisses")
    await expect(message.get_by_role("link", name="post")).to_have_attribute(
        "href", "https://example.com"
    )
    await expect(message.locator(".fields")).to_contain_text("0.04")
    await expect(message).to_contain_text("APP")
    async with page.expect_response("**/sandbox/slack/press") as pressed:
        await message.get_by_role("button", name="Acknowledge").click()
    assert (await pressed.value).status == 200


async def test_typed_messages_are_posted(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = await open_page(sandbox.url)
    await page.select_option("#who", "priya.nair")
    await page.fill("#text", "typed & sent")
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages > li")).to_contain_text("typed & sent")
    (message,) = sandbox.slack.channel("#feedback").messages
    assert sandbox.slack.author(message) == "priya.nair"
    await page.get_by_role("button", name="Timeline").click()
    await page.fill("#text", "posted")
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages > li")).to_contain_text("posted")
    (post,) = sandbox.x.timeline()
    assert post.author.username == "priya_nair"


async def test_other_channels_count_their_new_messages(
    open_page: OpenPage, sandbox: Sandbox
) -> None:
    page = await open_page(sandbox.url)
    await alert(sandbox, "#positive-feedback")
    side = page.locator("#channels li", has_text="positive-feedback")
    await expect(side.locator(".count")).to_have_text("1")
    await side.get_by_role("button").click()
    await expect(side.locator(".count")).to_have_count(0)
    await expect(page.locator("#messages > li")).to_have_count(1)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (420, 780)])
async def test_a_long_channel_opens_at_its_end(
    open_page: OpenPage, sandbox: Sandbox, width: int, height: int
) -> None:
    stamps = [sandbox.slack.say("#feedback", f"message {number}") for number in range(80)]
    page = await open_page(sandbox.url, width=width, height=height, scheme="dark")
    await expect(page.locator("#messages > li").last).to_be_in_viewport()
    await expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    ts = stamps[3].replace(".", "")
    await page.goto(f"{sandbox.url}/archives/C0SANDBOX001/p{ts}")
    await expect(page.locator("#messages > li.marked")).to_contain_text("message 3")
    await expect(page.locator("#messages > li.marked")).to_be_in_viewport()

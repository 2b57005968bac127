"""The page in a real Chromium, with made-up data."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from feedback_app.stats.stats_json import stats
from feedback_app.web.server import attach
from models import Delivery, Feedback, ScoredFeedback
from tests.web_view import NOW, FakeView, busy_view, empty_view, serve

pytestmark = pytest.mark.asyncio(loop_scope="session")

OpenPage = Callable[..., Awaitable[Page]]
Serve = Callable[[FakeView], Awaitable[str]]

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script> & <!channel>'


@pytest_asyncio.fixture(loop_scope="session")
async def served() -> AsyncIterator[Serve]:
    """Serves views until the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(view: FakeView) -> str:
            runner, url = await serve(view)
            stack.push_async_callback(runner.cleanup)
            return url

        yield start


def scored(identity: str, text: str, score: float = 0.05, **more: Any) -> ScoredFeedback:
    label = "negative" if score < 0.5 else "positive"
    return ScoredFeedback(
        feedback=Feedback(id=identity, text=text, **more), score=score, label=label
    )


async def test_the_page_shows_the_figures(open_page: OpenPage, served: Serve) -> None:
    view = busy_view()
    figures = stats(view.ledger, view.settings, NOW)
    page = await open_page(await served(view))
    read = sum(source["ingested"] for source in figures["sources"].values())
    await expect(page.locator("#t-total")).to_have_text(f"{read:,}")
    await expect(page.locator("#t-alerts")).to_have_text("5,585")
    await expect(page.locator("#t-alerts-sub")).to_have_text("1 waiting, 8 recalled")
    await expect(page.locator("#t-dead")).to_have_text("1")
    await expect(page.locator("#t-dead-sub")).to_have_text("of 3; feedback dead-letters")
    await expect(page.locator("#t-balanced")).to_have_text("Balanced")
    await expect(page.locator("#sources tbody tr")).to_have_count(2)
    await expect(page.locator("#channels tbody tr")).to_have_count(2)
    await expect(page.locator("#stages tbody tr")).to_have_count(4)
    await expect(page.locator("#workers tbody tr")).to_have_count(2)
    await expect(page.locator("#messages > li")).to_have_count(50)
    await expect(page.locator("#alerts > li")).to_have_count(30)
    first = page.locator("#messages > li").first
    await expect(first.locator(".text")).to_have_text(view.recent[-1].feedback.text)
    await expect(first.locator(".score b")).to_have_text(f"{view.recent[-1].score:.2f}")
    assert await page.locator("#plot rect.negative").count() > 30


async def test_new_items_appear_and_deleted_ones_disappear(
    open_page: OpenPage, served: Serve
) -> None:
    view = empty_view()
    page = await open_page(await served(view))
    await expect(page.locator("#messages")).to_contain_text("No messages yet")
    view.recent = [scored("a", "It broke again"), scored("b", "It works now", 0.95)]
    view.recent_alerts = [
        Delivery(id="1", status="posted", channel="C1", rule="negative", feedback_id="a")
    ]
    view.change()
    await expect(page.locator("#messages > li .text")).to_have_text(
        ["It works now", "It broke again"]
    )
    await expect(page.locator("#alerts > li .text")).to_have_text(["It broke again"])
    await expect(page.locator("#alerts > li .meta")).to_contain_text("#negative-feedback")
    view.recent = [*view.recent, scored("a", "", kind="delete", revision=2)]
    view.change()
    await expect(page.locator("#alerts > li .text")).to_contain_text("Recalled")
    await expect(page.locator("#messages > li .text")).to_have_text(["It works now"])
    await expect(page.locator("body")).not_to_contain_text("It broke again")


async def test_text_of_messages_is_never_executed(open_page: OpenPage, served: Serve) -> None:
    view = empty_view()
    view.recent = [
        scored("a", HOSTILE, author=HOSTILE, url="javascript:window.pwned=1", source=HOSTILE)
    ]
    view.recent_alerts = [
        Delivery(id="1", status="dead", channel=HOSTILE, reason=HOSTILE, line=HOSTILE)
    ]
    view.ledger.apply(
        replace_status(view, sources={HOSTILE: {"state": HOSTILE, "detail": HOSTILE}})
    )
    page = await open_page(await served(view))
    await expect(page.locator("#messages .text")).to_have_text(HOSTILE)
    await expect(page.locator("#alerts .text")).to_have_text(HOSTILE)
    await expect(page.locator("#sources tbody tr")).to_have_count(1)
    assert await page.evaluate("window.pwned") is None
    assert await page.locator("main img, main script, main a").count() == 0


def replace_status(view: FakeView, **changes: Any) -> Any:
    """Return a live worker's status with some fields changed."""
    [status, _] = busy_view(now=view.clock.now).ledger.workers(view.clock.now)
    return type(status)(**{**status.asdict(), **changes})


async def test_links_open_in_a_new_tab_without_a_referrer(
    open_page: OpenPage, served: Serve
) -> None:
    view = empty_view()
    view.recent = [scored("a", "See this", url="https://x.example/status/1")]
    page = await open_page(await served(view))
    link = page.locator("#messages a")
    await expect(link).to_have_attribute("href", "https://x.example/status/1")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    await expect(link).to_have_attribute("target", "_blank")


async def test_a_lost_connection_is_shown_and_restored_automatically(open_page: OpenPage) -> None:
    view = busy_view()
    runner, url = await serve(view)
    page = await open_page(url)
    await runner.cleanup()
    await expect(page.locator("#live")).to_have_text("Connection lost")
    await expect(page.locator("#banner")).to_contain_text("What you see may be old")
    app = web.Application()
    attach(app, view)
    again = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await again.setup()
    await web.TCPSite(again, "127.0.0.1", int(url.rpartition(":")[2]), reuse_address=True).start()
    try:
        await expect(page.locator("#live")).to_have_text("Live")
        await expect(page.locator("#banner")).to_be_hidden()
    finally:
        await again.cleanup()


async def test_a_failing_dependency_is_named_on_the_page(
    open_page: OpenPage, served: Serve
) -> None:
    view = empty_view()
    view.ledger.apply(
        replace_status(
            view,
            faults={"slack": "answers 503"},
            stages={"delivery": {"lag": 7, "per_second": 0.0, "waiting_for": "slack"}},
        )
    )
    page = await open_page(await served(view))
    await expect(page.locator("#banner")).to_have_text(
        "Waiting for 1 external service: slack (answers 503)"
    )
    await expect(page.locator("#stages tbody tr").nth(3)).to_contain_text("waiting")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("make", [busy_view, empty_view])
async def test_nothing_overflows_or_shifts(
    open_page: OpenPage,
    served: Serve,
    make: Callable[[], FakeView],
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    page = await open_page("about:blank", width=width, scheme=scheme, live=False)
    await page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => list.getEntries()"
        ".forEach((entry) => { window.shift += entry.value; }))"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    await page.goto(await served(make()))
    await page.wait_for_selector('#live[data-state="live"]')
    await expect(page.locator("body")).not_to_have_class(re.compile("loading"))
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.evaluate("window.shift") < 0.05


async def test_an_empty_page_explains_the_next_step(open_page: OpenPage, served: Serve) -> None:
    page = await open_page(await served(empty_view()))
    await expect(page.locator("#sources")).to_contain_text("FEEDBACK_X_QUERY")
    await expect(page.locator("#messages")).to_contain_text("feedback say")
    await expect(page.locator("#alerts")).to_contain_text("below 0.3 or above 0.9")
    await expect(page.locator("#workers")).to_contain_text("feedback worker")


async def test_everything_can_be_done_with_the_keyboard(open_page: OpenPage, served: Serve) -> None:
    page = await open_page(await served(busy_view()))
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    reached = []
    for _ in range(16):
        await page.keyboard.press("Tab")
        reached.append(
            await page.evaluate(
                "(a => a.id || a.dataset.label || a.tagName)(document.activeElement)"
            )
        )
    wanted = {"r-hour", "r-day", "svg", "negative", "neutral", "positive", "messages"}
    assert wanted <= set(reached)
    await page.locator("#r-day").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#r-day")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#r-hour")).to_have_attribute("aria-pressed", "false")
    await page.locator("#plot svg").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator(".tip")).to_be_visible()
    await expect(page.locator(".tip")).to_contain_text("negative")


async def test_messages_can_be_filtered_by_sentiment(open_page: OpenPage, served: Serve) -> None:
    page = await open_page(await served(busy_view()))
    await page.locator('[data-label="negative"]').click()
    items = page.locator("#messages > li")
    assert await items.count() == await page.locator("#messages .score.negative").count() > 5


async def test_new_messages_do_not_move_the_list_of_a_reader_who_scrolled_down(
    open_page: OpenPage, served: Serve
) -> None:
    view = busy_view()
    page = await open_page(await served(view))
    await page.locator("#messages").evaluate("(list) => { list.scrollTop = 300; }")
    view.recent = [*view.recent, scored("new", "Brand new")]
    view.change()
    await expect(page.locator("#fresh")).to_be_visible()
    await expect(page.locator("#messages")).not_to_contain_text("Brand new")
    await page.locator("#fresh").click()
    await expect(page.locator("#messages > li .text").first).to_have_text("Brand new")
    await expect(page.locator("#fresh")).to_be_hidden()


async def test_the_token_signs_in_and_the_button_signs_out(
    open_page: OpenPage, served: Serve
) -> None:
    url = await served(busy_view(FEEDBACK_WEB_TOKEN="right"))
    page = await open_page(url, live=False)
    await page.fill("#token", "wrong")
    async with page.expect_request("**/login") as asked:
        await page.keyboard.press("Enter")
    assert (await (await asked.value).all_headers())["origin"] == url
    await expect(page.locator(".wrong")).to_have_text("That is not the token.")
    await page.fill("#token", "right")
    await page.keyboard.press("Enter")
    await expect(page.locator("#live")).to_have_text("Live")
    await page.locator("#logout button").click()
    await expect(page.locator("#token")).to_be_visible()

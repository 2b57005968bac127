"""The stage `polls` with tweepy against the stand-in X."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Output
from feedback_app.sandbox import PRODUCT_QUERY, X_BEARER_TOKEN, ManualClock, Sandbox
from feedback_app.sandbox.log import Given
from feedback_app.sources.polling import Poller
from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.testing import MemoryContext, registered, settings_of, until
from feedback_app.sources.x.budget import tallies
from feedback_app.sources.x.snowflake import synthetic_id
from models import Cursor, from_rfc3339
from tests.component.sources.sandbox_clock import SandboxClock
from tests.unit.sources import rss

MakeWorld = Callable[..., MemoryContext]


@pytest.fixture
def make_world(sandbox: Sandbox, clock: ManualClock) -> MakeWorld:
    """Return what makes a context with one query against the sandbox."""

    def make(start: str = "1h", **more: Any) -> MemoryContext:
        source = {"id": "x", "type": "x-search", "query": PRODUCT_QUERY, "start": start}
        more = {"x_bearer_token": X_BEARER_TOKEN, "x_api_url": sandbox.x_url} | more
        return MemoryContext(settings_of(source, **more), SandboxClock(clock))

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> MemoryContext:
    """Return a context whose source starts an hour back."""
    return make_world()


@pytest.fixture
async def polls(world: MemoryContext) -> AsyncIterator[Poller]:
    """Yield the handler."""
    handler = Poller(world)
    yield handler
    await handler.close()


async def test_a_post_becomes_feedback(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    clock.advance(1)
    number = sandbox.x.post("1 < 2 & so on", author="ann", lang="en")
    clock.advance(1)
    await polls.poll("x", 0)
    (post,) = world.feedback
    assert post.id == f"x:{number}"
    assert post.text == "1 < 2 & so on"
    assert (post.revision, post.kind, post.lang, post.author) == (0, "create", "en", "ann")
    assert post.url == f"https://x.com/ann/status/{number}"
    assert world.states["x"].state == "running"
    assert world.states["x"].last_message_at == post.created_at
    assert world.shared.cursors["x"].position == number


async def test_a_burst_of_more_than_a_page_is_read_to_its_end(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    await polls.poll("x", 0)
    sent = set()
    for number in range(342):
        clock.advance(0.01)
        sent.add(f"x:{sandbox.x.post(f'post {number}')}")
    await polls.poll("x", 1)
    assert [post.id for post in world.feedback].count(min(sent)) == 1
    assert {post.id for post in world.feedback} == sent
    assert len(world.feedback) == 342
    newest = max(int(post.removeprefix("x:")) for post in sent)
    assert int(world.shared.cursors["x"].position) == newest, "not that of the last page"


async def test_the_overlap_is_read_again_and_not_sent_again(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    sandbox.x.post("first")
    clock.advance(1)
    await polls.poll("x", 0)
    sandbox.x.index_delay = (30, 30)
    late = sandbox.x.post("indexed half a minute late")
    sandbox.x.index_delay = (0, 0)
    clock.advance(1)
    newer = sandbox.x.post("newer and shown before it")
    clock.advance(1)
    await polls.poll("x", 1)
    clock.advance(30)
    await polls.poll("x", 2)
    assert [post.id for post in world.feedback][1:] == [f"x:{newer}", f"x:{late}"]


async def test_an_edit_is_a_revision_of_the_first_id(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    first = sandbox.x.post("it brok")
    clock.advance(1)
    await polls.poll("x", 0)
    sandbox.x.edit(first, "it broke")
    clock.advance(1)
    second = sandbox.x.edit(first, "it broke!")
    clock.advance(1)
    await polls.poll("x", 1)
    post = world.feedback[-1]
    assert (post.id, post.revision, post.kind) == (f"x:{first}", 2, "edit")
    assert post.url == f"https://x.com/someone/status/{second}"


async def test_a_new_source_starts_at_now(
    sandbox: Sandbox, make_world: MakeWorld, clock: ManualClock
) -> None:
    world = make_world("now")
    handler = Poller(world)
    sandbox.x.post("long before")
    clock.advance(5)
    await handler.poll("x", 0)
    clock.advance(5)
    number = sandbox.x.post("after the start")
    clock.advance(1)
    await handler.poll("x", 1)
    assert [post.id for post in world.feedback] == [f"x:{number}"]
    await handler.close()


async def test_another_worker_goes_on_from_the_cursor(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    sandbox.x.post("one")
    clock.advance(1)
    await polls.poll("x", 0)
    clock.advance(600)
    missed = [sandbox.x.post(f"missed {number}") for number in range(150)]
    clock.advance(1)
    other = Poller(world)
    await other.poll("x", 1)
    assert {f"x:{number}" for number in missed} <= {post.id for post in world.feedback}
    await other.close()


async def test_a_cursor_older_than_seven_days_shows_the_gap(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    old = clock.now() - 9 * 86400
    world.shared.cursors["x"] = Cursor(source="x", position=str(synthetic_id(old)))
    number = sandbox.x.post("six days old", created_at=clock.now() - 6 * 86400)
    await polls.poll("x", 0)
    assert [post.id for post in world.feedback] == [f"x:{number}"]
    cursor = world.shared.cursors["x"]
    assert cursor.gap_from is not None
    assert cursor.gap_to is not None
    assert from_rfc3339(cursor.gap_from) == pytest.approx(old, abs=1)
    reach = clock.now() - 7 * 86400
    assert reach <= from_rfc3339(cursor.gap_to) <= reach + 300
    assert world.states["x"].state == "gap"
    assert cursor.gap_from in world.states["x"].detail


async def test_a_page_that_fails_in_the_middle_leaves_the_cursor_and_loses_nothing(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    await polls.poll("x", 0)
    before = world.shared.cursors["x"].position
    sent = {f"x:{sandbox.x.post(f'post {number}')}" for number in range(250)}
    clock.advance(1)
    sandbox.x.gate.limits["search"] = 2
    with pytest.raises(SourceFault) as caught:
        await polls.poll("x", 1)
    assert caught.value.state == "rate_limited"
    assert world.shared.cursors["x"].position == before
    assert len(world.feedback) == 100
    sandbox.x.gate.limits["search"] = 450
    assert caught.value.retry_after is not None
    clock.advance(caught.value.retry_after)
    await polls.poll("x", 1)
    assert {post.id for post in world.feedback} == sent
    assert len(world.feedback) == 250, "what was sent before the failure is not sent again"
    given = [
        number for each in sandbox.log.entries if isinstance(each, Given) for number in each.ids
    ]
    assert len(given) == 250, "what was bought before the failure is not bought again"


async def test_429_waits_for_the_reset_that_x_names(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    sandbox.x.gate.limits["search"] = 1
    await polls.poll("x", 0)
    clock.advance(100)
    with pytest.raises(TransientError) as caught:
        await polls.poll("x", 1)
    assert caught.value.retry_after == pytest.approx(800, abs=3)
    assert world.states["x"].state == "rate_limited"
    clock.advance(10)
    with pytest.raises(TransientError) as again:
        await polls.poll("x", 2)
    assert again.value.retry_after == pytest.approx(790, abs=3)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda box: box.x.revoke_token(), "FEEDBACK_X_BEARER_TOKEN"),
        (lambda box: setattr(box.x.gate, "enrolled", False), "access level"),
    ],
)
async def test_a_refused_token_is_said_clearly(
    sandbox: Sandbox,
    world: MemoryContext,
    polls: Poller,
    break_it: Callable[[Sandbox], None],
    words: str,
) -> None:
    break_it(sandbox)
    with pytest.raises(TransientError):
        await polls.poll("x", 0)
    assert world.states["x"].state == "unauthorised"
    assert words in world.states["x"].detail
    assert X_BEARER_TOKEN not in world.states["x"].detail
    assert not world.dead


async def test_an_unreachable_x_is_an_outside_fault(
    sandbox: Sandbox, make_world: MakeWorld
) -> None:
    world = make_world(x_api_url="http://127.0.0.1:9")
    handler = Poller(world)
    with pytest.raises(TransientError) as caught:
        await handler.poll("x", 0)
    assert caught.value.dependency == "x"
    assert world.states["x"].state == "failing"
    await handler.close()


async def test_odd_items_alone_are_dead_lettered_and_once(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    sandbox.faults.set(["odd"])
    sandbox.faults.rates["odd"] = type(sandbox.faults.rates["odd"])(1.0, 3)
    sent = set()
    for offset in range(5):
        sent.add(f"x:{sandbox.x.post(f'real {offset}')}")
        clock.advance(2)
        await polls.poll("x", offset)
    assert {post.id for post in world.feedback} == sent
    assert len(world.dead) == sandbox.faults.happened["odd"] == 3
    letter = world.dead[0]
    assert (letter.topic, letter.stage, letter.offset) == ("x", "polls", -1)
    assert b"odd payload" in (letter.value_bytes() or b"") or "text" in letter.reason


async def test_a_stale_request_is_dropped(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    await polls.poll("x", 5)
    written = len(world.produced)
    result = await polls.poll("x", 4)
    assert result == [("x", "coalesced")]
    assert len(world.produced) == written


async def test_many_requests_at_once_are_one_poll_at_a_time(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    sandbox.x.post("one")
    clock.advance(1)
    results = await asyncio.gather(*(polls.poll("x", offset) for offset in range(10)))
    searches = [each for each in sandbox.log.entries if isinstance(each, Given)]
    assert len(searches) == 1
    assert [result[0][1] for result in results].count("polled") == 1
    assert len(world.feedback) == 1


async def test_a_cancelled_poll_is_gone_on_with(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    sent = {f"x:{sandbox.x.post(f'post {number}')}" for number in range(250)}
    clock.advance(1)
    produce, pages = world.produce, []

    async def slow(outputs: Sequence[Output]) -> None:
        pages.append(len(outputs))
        if len(pages) == 2:
            await asyncio.Event().wait()
        await produce(outputs)

    world.produce = slow  # type: ignore[method-assign]
    poll = asyncio.create_task(polls.poll("x", 0))
    await until(lambda: len(pages) == 2)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    assert "x" not in world.shared.cursors
    await polls.poll("x", 0)
    assert {post.id for post in world.feedback} == sent
    assert len(world.feedback) == 250


async def test_a_request_for_a_source_that_is_gone_does_nothing(
    world: MemoryContext, polls: Poller
) -> None:
    assert await polls.poll("gone", 0) == [("gone", "unknown")]
    assert not world.produced


async def test_a_paused_source_is_not_polled(
    sandbox: Sandbox, world: MemoryContext, polls: Poller
) -> None:
    world.shared.stopped.add("x")
    await polls.poll("x", 0)
    assert not world.produced
    assert world.states["x"].state == "paused"


async def test_a_broker_that_fails_moves_no_cursor(
    sandbox: Sandbox, world: MemoryContext, polls: Poller, clock: ManualClock
) -> None:
    number = sandbox.x.post("kept")
    clock.advance(1)
    world.refuse.append(TransientError("kafka", "no broker"))
    with pytest.raises(TransientError) as caught:
        await polls.poll("x", 0)
    assert caught.value.dependency == "kafka"
    assert "x" not in world.shared.cursors
    clock.advance(2)
    await polls.poll("x", 0)
    assert [post.id for post in world.feedback] == [f"x:{number}"]


async def test_the_budget_of_users_stops_too(
    sandbox: Sandbox, make_world: MakeWorld, clock: ManualClock
) -> None:
    world = make_world(x_daily_users=30)
    handler = Poller(world)
    await handler.poll("x", 0)
    for number in range(40):
        sandbox.x.post(f"post {number}", author=f"writer{number}")
    clock.advance(1)
    await handler.poll("x", 1)
    assert world.states["x"].state == "budget_spent"
    assert "30 of the 30 users of FEEDBACK_X_DAILY_USERS" in world.states["x"].detail
    assert len({post.author for post in world.feedback}) == len(world.feedback) == 30
    clock.advance(86400)
    await handler.poll("x", 2)
    assert len(world.feedback) == 40
    await handler.close()


async def test_who_wrote_in_another_source_is_still_bought_from_x(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    with registered("rss", "tests.unit.sources.rss:RSS"):
        x = {"id": "x", "type": "x-search", "query": PRODUCT_QUERY, "start": "1h"}
        feed = {"id": "feed", "type": "rss", "url": "u"}
        address = {"x_bearer_token": X_BEARER_TOKEN, "x_api_url": sandbox.x_url}
        world = MemoryContext(settings_of(x, feed, **address), SandboxClock(clock))
        handler = Poller(world)
    written = f"<author>ann</author><published>{int(clock.now())}</published>"
    rss.FEEDS["u"] = rss.Feed([f"<item><guid>1</guid><title>t</title>{written}</item>"])
    sandbox.x.post("the same author", author="ann")
    clock.advance(1)
    await handler.poll("feed", 0)
    await handler.poll("x", 0)
    assert [post.author for post in world.feedback] == ["ann", "ann"]
    assert tallies(world.shared.cursors)["x"].day_users == 1
    await handler.close()


async def test_the_budget_stops_before_it_is_spent_and_goes_on_the_next_day(
    sandbox: Sandbox, make_world: MakeWorld, clock: ManualClock
) -> None:
    world = make_world(x_daily_posts=120)
    handler = Poller(world)
    await handler.poll("x", 0)
    sent = {f"x:{sandbox.x.post(f'post {number}')}" for number in range(200)}
    clock.advance(1)
    await handler.poll("x", 1)
    assert len(world.feedback) == 120
    assert world.states["x"].state == "budget_spent"
    assert "FEEDBACK_X_DAILY_POSTS" in world.states["x"].detail
    await handler.close()
    restarted = Poller(world)
    await restarted.poll("x", 2)
    assert len(world.feedback) == 120, "a restart does not forget what was bought"
    clock.advance(86400)
    await restarted.poll("x", 3)
    assert {post.id for post in world.feedback} == sent
    await restarted.close()

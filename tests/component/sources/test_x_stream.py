"""The filtered stream through tweepy against the stand-in X."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents.polls import build
from feedback_app.hop.errors import BadRecord, TransientError
from feedback_app.hop.types import Output
from feedback_app.sandbox import PRODUCT_QUERY, X_BEARER_TOKEN, ManualClock, Rate, Sandbox
from feedback_app.sources.x.budget import key
from feedback_app.sources.x.snowflake import seconds
from feedback_app.sources.x.stream import Timing, XStream
from tests.source_world import World, request, settings, until

QUICK = Timing(look=0.005, cursors=5, opening=30, drain=2, resend=0.01)


class HurriedTime:
    """The sandbox's clock, whose sleeps are over almost at once; they are kept."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.slept: list[float] = []

    def time(self) -> float:
        """Return Unix seconds."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds."""
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Return soon, with the clock where it was."""
        self.slept.append(seconds)
        await asyncio.sleep(0.005)


@pytest.fixture
def time(clock: ManualClock) -> HurriedTime:
    """Return the app's clock."""
    return HurriedTime(clock)


def world_of(sandbox: Sandbox, clock: ManualClock, **more: Any) -> World:
    """Return a context with a stream on the product and one on another word."""
    return World(
        settings(
            {"id": "live", "type": "x-stream", "query": PRODUCT_QUERY, "start": "1h"},
            {"id": "word", "type": "x-stream", "query": "teapot"},
            x_bearer_token=X_BEARER_TOKEN,
            x_api_url=sandbox.x_url,
            **more,
        ),
        clock.now,
    )


@asynccontextmanager
async def running(
    world: World, time: HurriedTime, sandbox: Sandbox, leads: list[bool] | None = None
) -> AsyncIterator[XStream]:
    """Run a stream; yields once it is connected."""
    leads = leads if leads is not None else [True]
    stream = XStream(world, time, lambda: leads[0], QUICK)
    task = asyncio.create_task(stream.run())
    try:
        if leads[0]:
            await until(lambda: "live" in world.states)
        yield stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_post_comes_by_the_stream(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    async with running(world, time, sandbox):
        number = sandbox.x.post("a &lt; b", author="ann", lang="en")
        sandbox.x.post("about a teapot", to=None)
        sandbox.x.post("about nothing", to=None)
        await until(lambda: len(world.feedback) == 2)
        await until(lambda: world.states["live"].state == "running")
    first, second = world.feedback
    assert (first.id, first.source, first.author) == (f"x:{number}", "live", "ann")
    assert second.source == "word"
    assert key("live/stream") in world.shared.cursors


async def test_rules_of_others_stay_and_old_ones_go(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    async with running(world_of(sandbox, clock), time, sandbox):
        pass
    other = World(
        settings(
            {"id": "live", "type": "x-stream", "query": "another query"},
            x_bearer_token=X_BEARER_TOKEN,
            x_api_url=sandbox.x_url,
        ),
        clock.now,
    )
    await until(lambda: sandbox.x.stream.connections == 0)
    rule = next(iter(sandbox.x.stream.rules.values()))
    sandbox.x.stream.rules["77"] = type(rule)("77", "mine", None, rule.match)
    async with running(other, time, sandbox):
        rules = {each.value: each.tag for each in sandbox.x.stream.rules.values()}
    assert rules == {"mine": None, "another query": "feedback:live"}


@pytest.mark.parametrize(
    "last", [None, {"errors": [{"title": "operational-disconnect", "disconnect_type": "x"}]}]
)
async def test_an_end_by_x_is_followed_by_a_connect_after_a_wait(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime, last: dict[str, Any] | None
) -> None:
    world = world_of(sandbox, clock)
    async with running(world, time, sandbox):
        for _ in range(3):
            await until(
                lambda: world.states.get("live") and world.states["live"].state == "running"
            )
            sandbox.x.stream.cut(last)
            await until(lambda: world.states["live"].state == "failing")
            await until(lambda: sandbox.x.stream.connections == 1)
        sandbox.x.post("after it")
        await until(lambda: world.feedback)
    waits = [wait for wait in time.slept if wait not in (QUICK.look, QUICK.resend)]
    assert waits == [0.25, 0.5, 0.75]


async def test_odd_lines_are_dead_lettered_alone(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    sandbox.faults.set(["odd", "duplicate"])
    sandbox.faults.rates |= {"odd": Rate(1.0, 4), "duplicate": Rate(1.0, 4)}
    async with running(world, time, sandbox):
        sent = {f"x:{sandbox.x.post(f'post {number}')}" for number in range(6)}
        await until(lambda: len(world.feedback) == 6 and len(world.dead) == 4)
    assert {post.id for post in world.feedback} == sent
    assert {letter.stage for letter in world.dead} == {"x-stream"}


async def test_a_line_that_is_no_json_ends_nothing(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    async with running(world, time, sandbox) as stream:
        sandbox.x.post("before")
        await until(lambda: world.feedback)
        stream.send_buffer.take(None, b"{ no json", {"live": ""})
        stream.send_buffer.take([1], b"[1]", {"live": ""})
        await until(lambda: len(world.dead) == 2)
        sandbox.x.post("after")
        await until(lambda: len(world.feedback) == 2)
    assert world.dead[0].value_bytes() == b"{ no json"


async def test_only_the_leader_holds_it_and_it_moves(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    first, second = world_of(sandbox, clock), world_of(sandbox, clock)
    old, new = [True], [False]
    async with running(first, time, sandbox, old), running(second, time, sandbox, new):
        old[0] = False
        await until(lambda: sandbox.x.stream.connections == 0)
        new[0] = True
        await until(lambda: sandbox.x.stream.connections == 1)
        sandbox.x.post("for the new leader")
        await until(lambda: second.feedback)
    assert not first.feedback


async def test_a_second_connection_waits_long(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    holder, world = world_of(sandbox, clock), world_of(sandbox, clock)
    async with running(holder, time, sandbox), running(world, HurriedTime(clock), sandbox):
        await until(lambda: world.states.get("live"))
        assert world.states["live"].state == "rate_limited"
        assert "60.0 s" in world.states["live"].detail


async def test_a_refused_token_is_said_clearly(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    async with running(world, time, sandbox):
        sandbox.x.revoke_token()
        sandbox.x.stream.cut()
        await until(lambda: world.states["live"].state == "unauthorised")
    assert "FEEDBACK_X_BEARER_TOKEN" in world.states["live"].detail
    assert X_BEARER_TOKEN not in world.states["live"].detail


async def test_a_broker_that_fails_for_a_while_loses_nothing(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    async with running(world, time, sandbox):
        await until(lambda: world.states.get("live"))
        await until(lambda: any(each.topic == world.topics.polls.name for each in world.produced))
        world.refuse += [TransientError("kafka", "no broker")] * 3
        sent = {f"x:{sandbox.x.post(f'post {number}')}" for number in range(5)}
        await until(lambda: len(world.feedback) == 5)
    assert {post.id for post in world.feedback} == sent


async def test_a_gap_is_closed_by_search_and_the_cursor_waits_for_it(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    polls = build(world)

    def asked() -> int:
        return sum(each.topic == world.topics.polls.name for each in world.produced)

    async with running(world, time, sandbox):
        await until(lambda: asked() == 2)
    missed = sandbox.x.post("nobody listened")
    clock.advance(5)
    async with running(world, time, sandbox):
        await until(lambda: asked() == 4)
        await polls(request("live", 0))
        assert [post.id for post in world.feedback] == [f"x:{missed}"]
        before = world.shared.cursors["live"].position
        clock.advance(100)
        await until(lambda: asked() == 6)
        await asyncio.sleep(0.05)
        assert world.shared.cursors["live"].position == before, "no poll has seen what was late"
        await polls(request("live", 1))
        sandbox.x.post("heard")
        await until(lambda: len(world.feedback) == 2)
        clock.advance(120)
        await until(lambda: world.shared.cursors["live"].position > before)
    reached = seconds(int(world.shared.cursors["live"].position))
    assert reached <= clock.now() - 60
    await polls.close()


async def test_a_spent_budget_ends_the_stream_until_the_next_day(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock, x_daily_posts=20)
    async with running(world, time, sandbox):
        for number in range(15):
            sandbox.x.post(f"post {number}")
        await until(lambda: world.states["live"].state == "budget_spent")
        assert "of the 20 posts" in world.states["live"].detail
        await until(lambda: sandbox.x.stream.connections == 0)
        clock.advance(86400)
        await until(lambda: sandbox.x.stream.connections == 1)


async def test_a_spent_budget_of_users_ends_the_stream(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock, x_daily_users=20)
    async with running(world, time, sandbox):
        for number in range(22):
            sandbox.x.post(f"post {number}", author=f"writer{number // 2}")
        await until(lambda: world.states["live"].state == "budget_spent")
        assert "11 of the 20 users" in world.states["live"].detail


async def test_pausing_one_source_takes_its_rule_away(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    async with running(world, time, sandbox):
        world.shared.stopped.add("word")
        await until(lambda: len(sandbox.x.stream.rules) == 1)
        assert [rule.value for rule in sandbox.x.stream.rules.values()] == [PRODUCT_QUERY]
        await until(lambda: sandbox.x.stream.connections == 1)
        await until(lambda: world.states["word"].state == "paused")
        world.shared.stopped.add("live")
        await until(lambda: sandbox.x.stream.connections == 0)


async def test_a_clock_that_is_ahead_moves_no_cursor_past_what_the_stream_brought(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    class Ahead(HurriedTime):
        def time(self) -> float:
            return super().time() + 600

    world, time = world_of(sandbox, clock), Ahead(clock)
    world.now = time.time
    polls = build(world)

    def asked() -> int:
        return sum(each.topic == world.topics.polls.name for each in world.produced)

    async with running(world, time, sandbox):
        await until(lambda: asked() == 2)
        clock.advance(100)
        await until(lambda: asked() == 4)
        await polls(request("live", 0))
        before = world.shared.cursors["live"].position
        for seen in (1, 2):
            clock.advance(120)
            sandbox.x.post("heard")
            await until(lambda seen=seen: len(world.feedback) == seen)  # type: ignore[misc]
        clock.advance(10)
        await until(lambda: world.shared.cursors["live"].position > before)
    # What is posted from now on is asked for, should the connection end here.
    assert seconds(int(world.shared.cursors["live"].position)) <= clock.now()
    await polls.close()


async def test_what_the_broker_refuses_holds_up_nothing_behind_it(
    sandbox: Sandbox, clock: ManualClock, time: HurriedTime
) -> None:
    world = world_of(sandbox, clock)
    send = world.produce

    async def picky(outputs: Sequence[Output]) -> None:
        if any(b"too large" in (each.value or b"") for each in outputs if each.topic == raw):
            raise BadRecord("the broker refused it", "MessageSizeTooLargeError")
        await send(outputs)

    raw = world.topics.raw.name
    world.produce = picky  # type: ignore[method-assign]
    async with running(world, time, sandbox):
        await until(lambda: sandbox.x.stream.connections == 1)
        for text in ("before", "too large", "behind"):
            sandbox.x.post(text)
        await until(lambda: len(world.feedback) == 2)
        await until(lambda: len(world.dead) == 1)
    assert [post.text for post in world.feedback] == ["before", "behind"]
    assert "the broker refused it" in world.dead[0].reason

"""Whatever X does with order, delay and pages: recent search loses nothing and sends it once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_app.sources.protocol import BudgetSpent, SourceFault
from feedback_app.sources.x.options import XSearchOptions
from feedback_app.sources.x.search import XSearch
from feedback_app.sources.x.snowflake import snowflake
from models import Cursor, DeadLetter, Feedback, from_rfc3339

START = 1_790_000_000.0
SOURCE = XSearchOptions(id="x", type="x-search", query="kettle")


@dataclass(frozen=True)
class Post:
    """When a post was made, and when search begins to show it, in seconds after START."""

    made: float
    shown: float
    number: int

    @property
    def id(self) -> int:
        """An id of that time."""
        return snowflake(START + self.made) + self.number


class FakeX:
    """Recent search over a list of posts; fails on request."""

    def __init__(self, posts: Sequence[Post], page: int, failures: set[int]) -> None:
        self.now = START
        self.requests = 0
        self._posts, self._page, self._failures = posts, page, failures

    async def search(
        self, query: str, *, since: int, until: int | None, next_token: str | None, most: int
    ) -> object:
        """Answer as X does: newest first, bounds exclusive, a token where there is more."""
        self.requests += 1
        if self.requests in self._failures:
            raise SourceFault("x", "planned")
        below = min(until or 1 << 63, int(next_token or 1 << 63))
        shown = sorted(
            (
                post.id
                for post in self._posts
                if START + post.shown <= self.now and since < post.id < below
            ),
            reverse=True,
        )
        size = min(self._page, most)
        page, rest = shown[:size], shown[size:]
        meta = {"result_count": len(page)} | ({"next_token": str(page[-1])} if rest else {})
        return {"data": [{"id": str(number), "text": "t"} for number in page], "meta": meta}


@st.composite
def histories(draw: st.DrawFn) -> list[Post]:
    """Draw posts of ten minutes, in bursts, each shown up to a minute after it was made."""
    made = draw(st.lists(st.floats(0.001, 600), min_size=0, max_size=40))
    burst = draw(st.integers(0, 30))
    made += [draw(st.floats(0.001, 600))] * burst
    late = st.one_of(st.just(0.0), st.floats(0, 59.9))
    return [Post(at, at + draw(late), number) for number, at in enumerate(made)]


async def follow(x: FakeX, polls: Sequence[float], restarts: set[int]) -> list[Feedback]:
    """Poll at these times with one source, anew at each restart; return what was sent."""
    sent: list[Feedback] = []

    async def send(posts: Sequence[Feedback]) -> None:
        sent.extend(posts)

    async def send_to_dlq(dead: Sequence[DeadLetter]) -> None:
        assert not dead

    def gate() -> int:
        return 100

    source = XSearch(SOURCE, x, gate)
    cursor: Cursor | None = None
    for number, at in enumerate(polls):
        if number in restarts:
            source = XSearch(SOURCE, x, gate)
        x.now = START + at
        before = cursor
        try:
            cursor = await source.poll(cursor, send, send_to_dlq, x.now)
        except SourceFault:
            continue
        if before is not None:
            assert int(cursor.position) >= int(before.position), "a cursor never goes back"
    return sent


@given(
    posts=histories(),
    gaps=st.lists(st.floats(0.1, 120), min_size=1, max_size=12),
    page=st.integers(1, 12),
    failures=st.sets(st.integers(2, 40), max_size=12),
)
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_and_nothing_sent_twice(
    posts: list[Post], gaps: list[float], page: int, failures: set[int]
) -> None:
    times = [0.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    # Enough polls at the end that every planned failure is over and everything is shown.
    times += [max(times[-1], 700) + 5 * number for number in range(1, 20)]
    sent = asyncio.run(follow(FakeX(posts, page, failures), times, set()))
    assert Counter(each.id for each in sent) == Counter(f"x:{post.id}" for post in posts)


@given(
    posts=histories(),
    restarts=st.sets(st.integers(1, 20), max_size=5),
    page=st.integers(1, 12),
    failures=st.sets(st.integers(2, 40), max_size=12),
)
@settings(max_examples=75, deadline=None)
def test_restarts_lose_nothing(
    posts: list[Post], restarts: set[int], page: int, failures: set[int]
) -> None:
    times = [30.0 * number for number in range(45)]
    sent = asyncio.run(follow(FakeX(posts, page, failures), times, restarts))
    assert {each.id for each in sent} == {f"x:{post.id}" for post in posts}


@given(posts=histories(), allowances=st.lists(st.integers(1, 60), min_size=1, max_size=8))
@settings(max_examples=75, deadline=None)
def test_a_budget_that_runs_out_loses_nothing(posts: list[Post], allowances: list[int]) -> None:
    async def run() -> list[str]:
        x, left = FakeX(posts, 5, set()), 1000
        sent: list[str] = []
        cursor: Cursor | None = None

        def gate() -> int:
            if left <= 0:
                raise BudgetSpent("none left")
            return min(left, 100)

        async def send(found: Sequence[Feedback]) -> None:
            nonlocal left
            left -= len(found)
            sent.extend(each.id for each in found)

        async def send_to_dlq(dead: Sequence[DeadLetter]) -> None:
            assert not dead

        cursor = await XSearch(SOURCE, x, gate).poll(None, send, send_to_dlq, x.now)
        for number, allowance in enumerate([*allowances, *[1000] * 3]):
            # Each time in a new process, so that only the cursor carries over.
            left, x.now = allowance, START + 700 + 10 * number
            try:
                cursor = await XSearch(SOURCE, x, gate).poll(cursor, send, send_to_dlq, x.now)
            except BudgetSpent as spent:
                cursor = spent.cursor
        return sent

    assert set(asyncio.run(run())) == {f"x:{post.id}" for post in posts}


def test_a_quiet_query_does_not_fall_behind_seven_days() -> None:
    async def run() -> Cursor:
        x, cursor = FakeX([], 10, set()), None

        async def send(posts: Sequence[Feedback]) -> None:
            assert not posts

        async def send_to_dlq(dead: Sequence[DeadLetter]) -> None:
            assert not dead

        source = XSearch(SOURCE, x, lambda: 100)
        for day in range(10):
            x.now = START + 86400 * day
            cursor = await source.poll(cursor, send, send_to_dlq, x.now)
        assert cursor is not None
        return cursor

    cursor = asyncio.run(run())
    assert cursor.gap_from is None
    assert cursor.at is not None
    assert from_rfc3339(cursor.at) == START + 86400 * 9


def test_a_clock_in_the_wrong_time_zone_moves_no_cursor_past_the_present() -> None:
    async def run() -> Cursor:
        async def send(posts: Sequence[Feedback]) -> None:
            assert not posts

        async def send_to_dlq(dead: Sequence[DeadLetter]) -> None:
            assert not dead

        last = Cursor(source="x", position=str(snowflake(START - 7200)))
        source = XSearch(SOURCE, FakeX([], 10, set()), lambda: 100)
        return await source.poll(last, send, send_to_dlq, START + 13 * 3600)

    assert int(asyncio.run(run()).position) < snowflake(START)

"""A source type from outside: the contract holds for it, and nothing of X's limits touches it."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from feedback_app.hop.errors import TransientError
from feedback_app.load_settings import parse_sources
from feedback_app.settings import ConfigurationError
from feedback_app.sources import registry
from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.schedule import Timer, intervals
from feedback_app.sources.testing import (
    START,
    MemoryContext,
    PolledSourceContract,
    SteppedClock,
    Worker,
    registered,
    settings_of,
)
from feedback_app.sources.x.budget import Spend, key
from models import Cursor, PollRequest, rfc3339
from tests.unit.sources import rss

ROW = "tests.unit.sources.rss:RSS"
FEED = {"id": "feed", "type": "rss", "url": "https://example.org/feed", "poll_seconds": 1}
X = [{"id": f"x{number}", "type": "x-search", "query": "kettle"} for number in range(2)]
TOKEN = {"x_bearer_token": "token"}


class FakeFeed:
    """The web with one feed, and a context around it."""

    def __init__(self, *rows: dict[str, Any], **more: Any) -> None:
        self.clock = SteppedClock()
        self.context = MemoryContext(settings_of(*(rows or [FEED]), **more), self.clock)
        self.feed = rss.FEEDS[FEED["url"]] = rss.Feed()  # type: ignore[index]
        self._numbers = itertools.count()

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.advance(seconds)

    def put(self, text: str, author: str = "ann") -> str:
        """Put an item into the feed."""
        guid = f"{next(self._numbers)}"
        self.feed.items.append(
            f"<item><guid>{guid}</guid><title>{text}</title><author>{author}</author>"
            f"<published>{int(self.clock.now)}</published></item>"
        )
        return f"rss:{guid}"

    def put_malformed(self) -> None:
        """Put half an item into the feed."""
        self.feed.items.append("<item><guid>")

    def fail(self) -> None:
        """Take the server down."""
        self.feed.up = False

    def recover(self) -> None:
        """Start it again."""
        self.feed.up = True


@pytest.fixture
def types() -> Iterator[None]:
    """Register the type under its own name, and under one that looks like X's."""
    with registered("rss", ROW), registered("x-rss", ROW):
        yield


class TestRss(PolledSourceContract):
    @asynccontextmanager
    async def upstream(self) -> AsyncIterator[FakeFeed]:
        """Return a feed."""
        with registered("rss", ROW):
            yield FakeFeed()


class Deaf(rss.Rss):
    """Goes on where the broker has refused the data."""

    async def poll(self, cursor: Any, send: Any, send_to_dlq: Any, now: float) -> Cursor:
        async def careless(posts: Any) -> None:
            with suppress(TransientError):
                await send(posts)

        return await super().poll(cursor, careless, send_to_dlq, now)


class Forgetful(rss.Rss):
    """Sends the whole feed each time."""

    async def poll(self, *args: Any) -> Cursor:
        self._seen.clear()
        return await super().poll(*args)


class Strict(rss.Rss):
    """Ends a poll at an item that it cannot read."""

    async def poll(self, cursor: Any, send: Any, send_to_dlq: Any, now: float) -> Cursor:
        async def refuse(dead: Any) -> None:
            if dead:
                raise ValueError(dead[0].reason)

        return await super().poll(cursor, send, refuse, now)


class Crude(rss.Rss):
    """Raises whatever it meets."""

    async def poll(self, *args: Any) -> Cursor:
        try:
            return await super().poll(*args)
        except SourceFault as fault:
            raise RuntimeError(str(fault)) from None


class Amnesiac(rss.Rss):
    """Knows no cursor after a restart, and starts at the present."""

    async def poll(self, cursor: Any, send: Any, send_to_dlq: Any, now: float) -> Cursor:
        if not self._seen:
            self._seen = set(await rss.FEEDS[self._options.url].fetch())
        return await super().poll(cursor, send, send_to_dlq, now)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Deaf, TestRss.test_the_cursor_follows_the_data),
        (Forgetful, TestRss.test_each_item_is_sent_once),
        (Forgetful, TestRss.test_a_malformed_item_costs_only_itself),
        (Strict, TestRss.test_a_malformed_item_costs_only_itself),
        (Crude, TestRss.test_a_transient_error_leaves_the_cursor),
        (Amnesiac, TestRss.test_a_crash_between_data_and_cursor_loses_nothing),
        (Amnesiac, TestRss.test_a_new_process_continues_from_the_cursor),
    ],
)
def test_the_contract_finds_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, broken: type[rss.Rss], check: Callable[[TestRss], None]
) -> None:
    monkeypatch.setattr(rss, "Rss", broken)
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        check(TestRss())


def test_a_package_adds_a_type_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mastodon", ROW, registry.ENTRY_POINTS)

    def found(group: str, name: str) -> list[EntryPoint]:
        return [point] if (group, name) == (registry.ENTRY_POINTS, "mastodon") else []

    monkeypatch.setattr(registry, "entry_points", found)
    registry.find.cache_clear()
    try:
        assert registry.find("mastodon") is rss.RSS
        (options,) = parse_sources([{"id": "m", "type": "mastodon", "url": "u"}])
        assert isinstance(options, rss.RssOptions)
    finally:
        registry.find.cache_clear()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tests.unit.sources.rss:Rss", "is no SourceType"),
        ("tests.unit.sources.rss:NOTHING", "cannot be loaded"),
        ("no_such_module_here:RSS", "cannot be loaded"),
    ],
)
def test_a_broken_entry_point_says_what_it_is(value: str, words: str) -> None:
    with registered("broken", value), pytest.raises(ConfigurationError, match=words):
        registry.find("broken")


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"id": "f", "type": "rss"}, "source f: rss needs a url"),
        (
            {"id": "f", "type": "rss", "url": "u", "query": "q"},
            "source f of type rss has only id",
        ),
        ({"id": "f", "type": "rss", "url": "u", "poll_seconds": 0}, "source f: Input should be"),
    ],
)
def test_its_keys_are_checked(row: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^FEEDBACK_CONFIG: sources\.0\.") as stopped:
        parse_sources([row])
    assert line in str(stopped.value)
    assert "\n" not in str(stopped.value)


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize("kind", ["rss", "x-rss"])
def test_it_keeps_its_interval_beside_sources_of_x(kind: str) -> None:
    settings = settings_of(*X, FEED | {"type": kind}, x_poll_seconds=1, **TOKEN)
    assert intervals(settings) == {"x0": 5, "x1": 5, "feed": 1}


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize("kind", ["rss", "x-rss"])
def test_limits_of_x_do_not_stop_it(kind: str) -> None:
    up = FakeFeed(*X, FEED | {"type": kind}, x_daily_posts=100, **TOKEN)
    timer, shared = Timer(up.context), up.context.shared

    def asked() -> list[str]:
        up.advance(10)
        return [each.source for each in timer.tick()]

    assert sorted(asked()) == ["feed", "x0", "x1"]
    shared.cursors[key("x0")] = Spend().plus(95, 1, up.clock.now).cursor("x0", up.clock.now)
    assert asked() == ["feed"]
    assert {up.context.states[name].state for name in ("x0", "x1")} == {"budget_spent"}
    shared.cursors[key("x0")] = Spend().plus(0, 450, up.clock.now).cursor("x0", up.clock.now)
    assert asked() == ["feed"]
    assert {up.context.states[name].state for name in ("x0", "x1")} == {"rate_limited"}
    assert "feed" not in up.context.states


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize("kind", ["rss", "x-rss"])
async def test_its_posts_and_authors_are_not_bought(kind: str) -> None:
    up = FakeFeed(*X, FEED | {"type": kind}, x_daily_posts=100, x_daily_users=100, **TOKEN)
    worker = Worker(up.context)
    for number in range(300):
        up.put(f"item {number}", author=f"writer{number}")
    await worker.poll("feed")
    await worker.close()
    assert len(up.context.feedback) == 300
    assert up.context.shared.cursors.keys() == {"feed"}


@pytest.mark.usefixtures("types")
async def test_its_gap_is_told_in_its_own_words_and_for_a_day() -> None:
    up = FakeFeed()
    worker = Worker(up.context)
    up.put("seen")
    await worker.poll("feed")
    up.advance(7200)
    up.feed.items.clear()
    up.put("after those that the feed has dropped")
    await worker.poll("feed")
    words = f"the feed has dropped what came {rfc3339(START)} to {rfc3339(START + 7200)}"
    shown = up.context.states["feed"]
    assert (shown.state, shown.detail) == ("gap", words)
    up.advance(86401)
    await worker.poll("feed")
    assert up.context.states["feed"].state == "running"
    await worker.close()


@pytest.mark.usefixtures("types")
async def test_a_new_leader_knows_when_it_was_polled() -> None:
    up = FakeFeed(FEED | {"poll_seconds": 60})
    worker = Worker(up.context)
    await worker.poll("feed")
    await worker.close()
    timer = Timer(up.context)
    up.advance(59)
    assert timer.tick() == []
    up.advance(1)
    assert timer.tick() == [PollRequest(source="feed", due_at=rfc3339(up.clock.now))]

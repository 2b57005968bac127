"""The broadcast: bounded, shared and rate-limited."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest

from feedback_app.web import events
from feedback_app.web.events import Broadcast, TooManyListeners


class Source:
    """A source of changes; counts how often the parts are computed and who has subscribed."""

    def __init__(self) -> None:
        self.value, self.computed = 0, 0
        self.changed: list[Callable[[], None]] = []

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.changed.append(changed)
        return lambda: self.changed.remove(changed)

    def parts(self) -> dict[str, bytes]:
        self.computed += 1
        return {"value": b"%d" % self.value, "still": b"0"}

    def change(self) -> None:
        self.value += 1
        for changed in self.changed:
            changed()


@pytest.fixture
def source() -> Source:
    return Source()


async def test_only_the_parts_that_changed_are_sent(source: Source) -> None:
    broadcast = Broadcast(source.subscribe, source.parts, 0.0, 60.0)
    async with aclosing(broadcast.listen()) as stream, asyncio.timeout(60):
        first = await anext(stream)
        assert first == b"event: value\ndata: 0\n\nevent: still\ndata: 0\n\n"
        source.change()
        assert await anext(stream) == b"event: value\ndata: 1\n\n"


async def test_many_changes_and_listeners_cost_one_computation_per_interval(
    source: Source,
) -> None:
    broadcast = Broadcast(source.subscribe, source.parts, 3600.0, 7200.0)
    streams = [broadcast.listen() for _ in range(4)]
    async with asyncio.timeout(60):
        for stream in streams:
            await anext(stream)
    for _ in range(100):
        source.change()
        await asyncio.sleep(0)
    assert source.computed == 1
    for stream in streams:
        await stream.aclose()


async def test_a_slow_listener_gets_the_newest_and_no_backlog(source: Source) -> None:
    broadcast = Broadcast(source.subscribe, source.parts, 0.0, 60.0)
    async with (
        aclosing(broadcast.listen()) as slow,
        aclosing(broadcast.listen()) as fast,
        asyncio.timeout(60),
    ):
        await anext(slow)
        await anext(fast)
        for i in range(1, 6):
            source.change()
            assert await anext(fast) == b"event: value\ndata: %d\n\n" % i
        assert await anext(slow) == b"event: value\ndata: 5\n\n"


async def test_a_quiet_stream_is_kept_open_with_comments(source: Source) -> None:
    broadcast = Broadcast(source.subscribe, source.parts, 0.0, 3600.0)
    async with aclosing(broadcast.listen(keep_alive=0.001)) as stream, asyncio.timeout(60):
        while not (said := await anext(stream)).startswith(b":"):
            pass
        assert said == b": still here\n\n"


async def test_listeners_are_bounded_and_make_room_when_they_leave(source: Source) -> None:
    broadcast = Broadcast(source.subscribe, source.parts, 0.0, 60.0)
    streams = [broadcast.listen() for _ in range(events.MAX_LISTENERS)]
    async with asyncio.timeout(60):
        for stream in streams:
            await anext(stream)
        with pytest.raises(TooManyListeners):
            await anext(broadcast.listen())
        await streams.pop().aclose()
        streams.append(broadcast.listen())
        await anext(streams[-1])
    for stream in streams:
        await stream.aclose()
    assert broadcast.listeners == 0
    assert source.changed == []


async def test_nothing_is_computed_while_nobody_listens(source: Source) -> None:
    broadcast = Broadcast(source.subscribe, source.parts, 0.0, 60.0)
    async with asyncio.timeout(60):
        async with aclosing(broadcast.listen()) as stream:
            await anext(stream)
        computed = source.computed
        source.change()
        for _ in range(20):
            await asyncio.sleep(0)
        assert source.computed == computed
        async with aclosing(broadcast.listen()) as again:
            assert b"data: 1\n" in await anext(again)


async def test_closing_ends_every_listener(source: Source) -> None:
    broadcast = Broadcast(source.subscribe, source.parts, 0.0, 60.0)
    stream = broadcast.listen()
    async with asyncio.timeout(60):
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await broadcast.close()
        with pytest.raises(StopAsyncIteration):
            await waiting


async def test_a_failed_computation_is_logged_and_the_next_one_is_sent(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    failed = asyncio.Event()

    def parts() -> dict[str, bytes]:
        if source.value == 1:
            failed.set()
            raise ZeroDivisionError
        return source.parts()

    broadcast = Broadcast(source.subscribe, parts, 0.0, 60.0)
    async with aclosing(broadcast.listen()) as stream, asyncio.timeout(60):
        await anext(stream)
        source.change()
        waiting = asyncio.ensure_future(anext(stream))
        await failed.wait()
        source.change()
        assert await waiting == b"event: value\ndata: 2\n\n"
    assert "cannot draw up the page" in caplog.text

"""A context in memory, a clock, and a worker that polls: what the tests of sources share."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

from feedback_app.clock import Clock
from feedback_app.hop.types import Count, Output
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.sources import registry
from feedback_app.sources.polling import Poller
from feedback_app.sources.protocol import SourceState
from models import Cursor, DeadLetter, Feedback

START = 1_790_000_000.0
"""When the clock of a test starts, in Unix seconds."""


class SteppedClock:
    """A clock that stands still until `advance` moves it; a sleep moves it too, at once."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        """Return Unix seconds."""
        return self.now

    def monotonic(self) -> float:
        """Return the same seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Advance, and let other tasks run."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds


class MemoryShared:
    """The cursors that were produced, and the sources that the test paused."""

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor] = {}
        self.stopped: set[str] = set()

    def paused(self, source_id: str) -> bool:
        """Whether the test has paused the source."""
        return source_id in self.stopped

    async def caught_up(self) -> None:
        """Return at once: the cursors are always up to date here."""


@dataclass
class MemoryContext:
    """A `sources.protocol.Context` whose broker is a list."""

    settings: Settings
    clock: Clock = field(default_factory=SteppedClock)
    shared: MemoryShared = field(default_factory=MemoryShared)
    produced: list[Output] = field(default_factory=list)
    states: dict[str, SourceState] = field(default_factory=dict)
    """The newest state of each source."""
    refuse: list[BaseException] = field(default_factory=list)
    """Raised by the next calls of `produce`, one each."""

    def __post_init__(self) -> None:
        self.topics = Topics.of(self.settings)

    async def produce(self, outputs: Sequence[Output]) -> None:
        """Append the records, or raise what the test asked for."""
        if self.refuse:
            raise self.refuse.pop(0)
        for output in outputs:
            self.produced.append(output)
            if output.topic == self.topics.cursors.name:
                assert output.key is not None
                self.shared.cursors[output.key.decode()] = Cursor.decode(output.value)

    def report(self, source_id: str, state: SourceState) -> None:
        """Record the state."""
        self.states[source_id] = state

    @property
    def feedback(self) -> list[Feedback]:
        """What was sent to `raw`."""
        name = self.topics.raw.name
        return [
            Feedback.decode(each.value, each.key) for each in self.produced if each.topic == name
        ]

    @property
    def dead(self) -> list[DeadLetter]:
        """What was sent to `dead-letters`."""
        name = self.topics.dead_letters.name
        return [DeadLetter.decode(each.value) for each in self.produced if each.topic == name]


def settings_of(*rows: Mapping[str, Any], **more: Any) -> Settings:
    """Return settings with the sources of these `[[sources]]` tables."""
    return Settings(sources=tuple(map(registry.options_of, rows)), **more)


@contextmanager
def registered(name: str, value: str) -> Iterator[None]:
    """Register a source type (`module:attribute`) as an entry point would, for one test."""
    registry.BUILT_IN[name] = EntryPoint(name, value, registry.ENTRY_POINTS)
    registry.find.cache_clear()
    try:
        yield
    finally:
        del registry.BUILT_IN[name]
        registry.find.cache_clear()


async def until(met: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once `met` is true; raises TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.005)


class Worker:
    """One worker process that polls: a poller, and the offsets of its requests."""

    def __init__(self, context: MemoryContext) -> None:
        self._context, self._offset = context, -1
        self._poller = Poller(context)

    async def poll(self, source_id: str) -> Sequence[Count]:
        """Run one poll, as a new request on `polls` would; raises TransientError."""
        self._offset += 1
        return await self._poller.poll(source_id, self._offset)

    async def restart(self) -> None:
        """Continue as a new process, which knows only what is on the topics."""
        await self.close()
        self._poller, self._offset = Poller(self._context), -1

    async def close(self) -> None:
        """Close the sources."""
        await self._poller.close()

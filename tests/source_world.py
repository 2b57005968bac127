"""What the sources' tests share: a context whose broker is a list, and what is known of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_app.clock import Clock, SystemClock
from feedback_app.hop.types import Item, Output
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings, Source
from feedback_app.sources.base import SourceState
from models import Cursor, DeadLetter, Feedback, PollRequest, rfc3339


class KnownByAll:
    """Cursors and pauses, kept up from what was produced."""

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor] = {}
        self.stopped: set[str] = set()

    def paused(self, source_id: str) -> bool:
        """Whether the test has paused the source."""
        return source_id in self.stopped

    async def caught_up(self) -> None:
        """Return at once: nothing here is late."""


@dataclass
class World:
    """A `sources.base.Context` that keeps everything it is given."""

    settings: Settings
    now: Callable[[], float]
    shared: KnownByAll = field(default_factory=KnownByAll)
    produced: list[Output] = field(default_factory=list)
    states: dict[str, SourceState] = field(default_factory=dict)
    refuse: list[BaseException] = field(default_factory=list)
    """Raised by the next sends, one each."""

    def __post_init__(self) -> None:
        self.topics = Topics.of(self.settings)

    @property
    def clock(self) -> Clock:
        """The system clock, with `now` for its Unix seconds."""
        clock = SystemClock()
        clock.time = self.now  # type: ignore[method-assign]
        return clock

    async def produce(self, outputs: Sequence[Output]) -> None:
        """Take the records in, or raise what the test asked for."""
        if self.refuse:
            raise self.refuse.pop(0)
        for output in outputs:
            self.produced.append(output)
            if output.topic == self.topics.cursors.name:
                assert output.key is not None
                self.shared.cursors[output.key.decode()] = Cursor.decode(output.value)

    def report(self, source_id: str, state: SourceState) -> None:
        """Keep the newest state."""
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


def settings(*sources: Mapping[str, Any], **more: Any) -> Settings:
    """Return settings with these sources."""
    return Settings(sources=tuple(Source.model_validate(each) for each in sources), **more)


def request(source: str, offset: int, at: float = 0.0) -> Item[PollRequest]:
    """Return a poll request as the hop hands it on."""
    value = PollRequest(source=source, due_at=rfc3339(at))
    return Item("feedback.polls", 0, offset, source.encode(), at, value)


async def until(met: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once `met` is true; fails after so many seconds."""
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.005)

"""What a source is: the protocols between a source and the pipeline.

How to write a source
=====================

A source is one file and one row. The file holds three things: the options of its `[[sources]]`
table, the source itself, and a `SourceType` that names both. This one polls RSS feeds:

    class RssOptions(SourceOptions):
        url: str
        \"""The address of the feed.\"""
        poll_seconds: float = Field(default=60, gt=0)
        \"""Seconds between two polls.\"""

    class Rss:
        def __init__(self, options):
            self._options, self._seen = options, set()

        async def poll(self, cursor, send, send_to_dlq, now):
            try:
                items = await fetch(self._options.url)
            except OSError as error:
                raise SourceFault("rss", f"the feed cannot be read: {error}") from None
            name, since = self._options.id, 0 if cursor is None else int(cursor.position)
            times, new, malformed = [since], [], []
            for item in items:
                try:
                    published, feedback = read(item, name)    # Feedback(id="rss:<guid>", …)
                except ValueError as error:
                    if item not in self._seen:
                        malformed.append(dead_letter(name, "polls", item, str(error), now))
                    continue
                times.append(published)
                if item not in self._seen and published >= since - OVERLAP_S:
                    new.append(feedback)
            await send(new)
            await send_to_dlq(malformed)
            self._seen = set(items)                           # only now: the broker has them
            return Cursor(source=name, position=str(max(times)), at=rfc3339(now))

        async def close(self):
            pass

    RSS = SourceType(
        options=RssOptions,
        polled=lambda options, dependencies: Rss(options),
        interval=lambda options, settings: options.poll_seconds,
    )

The row is an entry point of the package that the file is in; its name is the `type` in the TOML
file. The built-in types are the same rows, in `registry.py`.

    [project.entry-points."feedback_app.sources"]
    rss = "my_package.rss:RSS"

What the pipeline does: one worker, the leader, asks for a poll when it is due; the worker that owns
the request's partition calls `poll`, one call of a source at a time. It writes the returned cursor
after everything that was sent, so a crash in between repeats a poll and loses nothing. The rest of
the pipeline recognises repeats by `Feedback.id` and `revision`.

What a source must do:
- Give each item the same `Feedback.id` each time that it is read, with a prefix of its own. An edit
  is a higher `revision` of the same id, a deletion a higher one of kind `delete`.
- Return a cursor only after `send` has returned for everything up to it. A position that is a whole
  number must never fall; any other position is ordered by `at`.
- Raise `SourceFault` when the platform fails, with `retry_after` if it asked for a wait. The poll
  is retried with a backoff. Any other exception counts as a bug.
- Send an item that cannot be read to the DLQ, once, and continue with the next.
- Never block the event loop: do I/O with asyncio, and leave waiting to the poller.

Not every source is polled. `SourceType.services` run beside the stages for as long as the worker:
a socket, for example. Sources whose platform limits all of them together share a `Quota`
(`quota.py`). `testing/` has a context in memory, a clock, and the contract that every polled source
must pass. `tests/unit/sources/rss.py` is the source above, complete, and `test_plugin.py` beside it
its tests.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Produce
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import Cursor, DeadLetter, Feedback

State = Literal[
    "running",
    "paused",
    "rate_limited",
    "failing",
    "unauthorised",
    "waiting",
    "gap",
    "budget_spent",
]


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the page shows of a source.

    `detail` says what is wrong, `last_message_at` is RFC 3339, and `filtered` counts the messages
    that did not meet the source's conditions since this process began.
    """

    state: State
    detail: str = ""
    last_message_at: str | None = None
    filtered: int = 0


class SourceFault(TransientError):
    """A transient error of a source's platform, with the state that it leaves the source in."""

    def __init__(
        self,
        dependency: str,
        message: str,
        retry_after: float | None = None,
        state: State = "failing",
    ) -> None:
        super().__init__(dependency, message, retry_after)
        self.state = state


class BudgetSpent(Exception):
    """The quota allows nothing more for now; the message says until when.

    `cursor` is where the source stopped in the middle of its pages, for the next poll to continue.
    """

    def __init__(self, message: str, cursor: Cursor | None = None) -> None:
        super().__init__(message)
        self.cursor = cursor


Send = Callable[[Sequence[Feedback]], Awaitable[None]]
"""Returns once the broker has the records; raises TransientError."""

SendToDlq = Callable[[Sequence[DeadLetter]], Awaitable[None]]
"""Returns once the broker has the dead letters; raises TransientError."""


class PolledSource(Protocol):
    """A source that is asked every few seconds, by the worker that owns its partition."""

    async def poll(
        self, cursor: Cursor | None, send: Send, send_to_dlq: SendToDlq, now: float
    ) -> Cursor:
        """Send what came since `cursor` (None: the first poll) and return the new cursor.

        `now` is in Unix seconds. Call `send` once for each answered request, also without items: a
        quota counts requests by it. Raises TransientError, after which the poll is tried again, or
        BudgetSpent.
        """

    async def close(self) -> None:
        """Close connections."""


class Shared(Protocol):
    """What every worker knows."""

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """The newest cursor of each key."""

    def paused(self, source_id: str) -> bool:
        """Whether a person has paused this source."""

    async def caught_up(self) -> None:
        """Return once everything written before this call was read; raises TransientError."""


class Context(Protocol):
    """What the pipeline hands to the machinery and the services of sources."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def topics(self) -> Topics:
        """The topics."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def shared(self) -> Shared:
        """What every worker knows."""

    @property
    def produce(self) -> Produce:
        """Sends records and returns once the broker has them."""

    def report(self, source_id: str, state: SourceState) -> None:
        """Note the present state of a source, for the page and the notices."""

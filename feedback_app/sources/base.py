"""What every source shares: the protocol with a cursor, its state on the page, the registry."""

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
    """An outside fault that knows in which state it leaves its source."""

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
    """No posts may be bought until the next UTC day or month; the message says which.

    `cursor` is where the source stopped in the middle of its pages, to be gone on from.
    """

    def __init__(self, message: str, cursor: Cursor | None = None) -> None:
        super().__init__(message)
        self.cursor = cursor


Send = Callable[[Sequence[Feedback]], Awaitable[None]]
"""Returns once the broker has the records; raises OutsideFault."""

SendToDlq = Callable[[Sequence[DeadLetter]], Awaitable[None]]
"""Returns once the broker has the dead letters; raises OutsideFault."""

Gate = Callable[[], int]
"""Asked before each request: how many posts it may bring, at least 10; raises BudgetSpent."""


class PolledSource(Protocol):
    """A source that is asked every few seconds, by whichever worker owns its partition."""

    async def poll(
        self, cursor: Cursor | None, send: Send, send_to_dlq: SendToDlq, now: float
    ) -> Cursor:
        """Send what came since the cursor and return the new one.

        `send` is called once for each request that was answered, also with nothing in it. Raises
        OutsideFault, after which the same poll is tried again, or BudgetSpent.
        """

    async def close(self) -> None:
        """Let go of connections."""


class Shared(Protocol):
    """What every worker knows."""

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """The newest cursor of each key."""

    def paused(self, source_id: str) -> bool:
        """Whether a person has stopped this source."""

    async def caught_up(self) -> None:
        """Return once everything written before this call has been read; raises OutsideFault."""


class Context(Protocol):
    """What a source's handlers and services are given."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def topics(self) -> Topics:
        """The topics."""

    @property
    def produce(self) -> Produce:
        """Sends records and returns when the broker has them."""

    @property
    def shared(self) -> Shared:
        """What every worker knows."""

    @property
    def clock(self) -> Clock:
        """The time."""

    def report(self, source_id: str, state: SourceState) -> None:
        """Take in the present state of a source."""


def later(one: Cursor | None, other: Cursor | None) -> Cursor | None:
    """Return the cursor that is further on, so that an old writer cannot turn a source back."""
    if one is None or other is None:
        return one or other
    return other if _rank(other) >= _rank(one) else one


def _rank(cursor: Cursor) -> tuple[int, str]:
    # What stands behind a slash says how far pages under way have come; `at` orders those.
    position = cursor.position.partition("/")[0]
    return (int(position) if position.isascii() and position.isdigit() else 0, cursor.at or "")

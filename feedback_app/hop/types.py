"""What goes into a handler and what comes out of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

R = TypeVar("R")

Count = tuple[str, str]
"""A group (a source's or channel's name) and the name of what is counted in it."""


class Output(NamedTuple):
    """A record to produce; `partition` None leaves the choice to the key's hash."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None


Produce = Callable[[Sequence[Output]], Awaitable[None]]
"""Sends everything and returns when the broker has acknowledged everything; raises OutsideFault,
or BadRecord where the broker refuses a record for what it is (too large, invalid)."""


@dataclass(slots=True, eq=False)
class Item(Generic[R]):
    """A decoded record on its way through a handler.

    `timestamp` is the record's append time in Unix seconds. `state` is the partition's state
    object, or None for a stage without one. `in_flight` is true while a record handler has a
    request in flight that a rebalance should give a second to finish.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    timestamp: float
    value: R
    state: Any = None
    in_flight: bool = False


@dataclass(slots=True)
class Result:
    """What became of one record: its outputs, its counts, or why it is dead.

    `remember` is handed to the partition's state once the broker has acknowledged the outputs.
    """

    outputs: Sequence[Output] = ()
    counts: Sequence[Count] = ()
    dead: str | None = None
    remember: Any = None


@dataclass(frozen=True, slots=True)
class Row:
    """A record read back from a state topic; `timestamp` in Unix seconds."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: float


class PartitionState(Protocol):
    """The state of one partition: rebuilt from a topic, kept up by acknowledged results."""

    def restore(self, row: Row) -> None:
        """Take in a record of the state topic, which may be one that is known already."""

    def remember(self, what: Any) -> None:
        """Take in a result's `remember` after its outputs were acknowledged."""


@dataclass(frozen=True, slots=True)
class StateTopic:
    """Where a stage's partition state lives: the same partition number of `topic`.

    `hours` limits how far back it is read; None reads it all.
    """

    topic: str
    new: Callable[[int], PartitionState]
    hours: float | None = None


@dataclass(slots=True)
class Waiting:
    """What a stage waits for outside, by party; shown on the page."""

    faults: dict[str, str] = field(default_factory=dict)

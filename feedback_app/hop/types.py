"""Inputs and outputs of a stage's handler, and the state of a partition."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

R = TypeVar("R")

Count = tuple[str, str]
"""A group (a source's or channel's name) and the name of the counter."""


class Output(NamedTuple):
    """A record to produce; with `partition` None the key's hash selects the partition."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None


Produce = Callable[[Sequence[Output]], Awaitable[None]]
"""Sends all outputs and returns when the broker has acknowledged all of them.

Raises TransientError, or BadRecord if the broker rejects a record itself (too large, invalid).
"""


@dataclass(slots=True, eq=False)
class Item(Generic[R]):
    """A decoded record for a handler.

    `timestamp` is the record's append time in Unix seconds. `state` is the partition's state, or
    None for a stage without state. A record handler sets `in_flight` during a request that a
    rebalance should give a second to finish.
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
    """The result of one record: its outputs, its counts, or the reason of its dead letter.

    `remember` is given to the partition's state once the broker has acknowledged the outputs.
    """

    outputs: Sequence[Output] = ()
    counts: Sequence[Count] = ()
    dead: str | None = None
    remember: Any = None


@dataclass(frozen=True, slots=True)
class Row:
    """A record read from a topic without a group; `timestamp` in Unix seconds."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: float


class PartitionState(Protocol):
    """The state of one partition: restored from a topic, updated by acknowledged results."""

    def restore(self, row: Row) -> None:
        """Apply a record of the state topic; it may have been applied before."""

    def remember(self, what: Any) -> None:
        """Apply the `remember` of a result whose outputs were acknowledged."""


@dataclass(frozen=True, slots=True)
class StateTopic:
    """Where a stage's partition state is restored from: the same partition number of `topic`.

    `new` makes the empty state of a partition number. Records older than `hours` are not read;
    None reads all.
    """

    topic: str
    new: Callable[[int], PartitionState]
    hours: float | None = None

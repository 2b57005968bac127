"""An assigned partition of a stage, and how its state is restored."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from faust.types.tuples import TP

from feedback_app.hop.accounts import Counters
from feedback_app.hop.types import PartitionState, Row, StateTopic
from models.account import Account


@dataclass(slots=True, eq=False)
class Partition:
    """One assignment of a partition; each rebalance makes a new one.

    `restored_to` is the next offset of the state topic to read: a partition that comes back after
    a rebalance keeps its state and restores from there. `entries` are the records in flight of a
    record stage, oldest first.
    """

    tp: TP
    state: PartitionState | None
    restored_to: int = 0
    counters: Counters | None = None
    assigned: bool = True
    restored: bool = False
    entries: deque[Any] = field(default_factory=deque)


ReadToHighWatermark = Callable[
    [str, dict[int, int], float | None, Callable[[Row], None]], Awaitable[dict[int, int]]
]
"""Reads partitions of a topic to their high watermarks; see `kafka.reader.TopicReader`.

Takes the topic, {partition: first offset}, the hours to go back (None: all) and a function for
each row; returns {partition: next offset}.
"""


class AccountReader(Protocol):
    """The newest accounting records of the topic `stats`."""

    async def caught_up(self) -> None:
        """Return once everything written before this call has been read."""

    def account(self, stage: str, partition: int) -> Account | None:
        """Return the newest accounting record of a stage's partition, of its last owner."""


async def restore(
    partitions: Iterable[Partition],
    *,
    stage: str,
    state_topic: StateTopic | None,
    read_to_high_watermark: ReadToHighWatermark,
    accounts: AccountReader,
    clock: Callable[[], float],
    generation: int,
) -> None:
    """Restore state and counters of newly assigned partitions; they may take records then."""
    by_number = {part.tp.partition: part for part in partitions}
    await accounts.caught_up()
    if state_topic is not None:
        states = {number: part.state for number, part in by_number.items()}

        def apply(row: Row) -> None:
            state = states[row.partition]
            if state is not None:
                state.restore(row)

        start = {number: part.restored_to for number, part in by_number.items()}
        ends = await read_to_high_watermark(state_topic.topic, start, state_topic.hours, apply)
        for number, end in ends.items():
            by_number[number].restored_to = end
    for number, part in by_number.items():
        part.counters = Counters(stage, number, accounts.account(stage, number), clock, generation)
        part.restored = True

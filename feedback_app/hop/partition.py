"""What a stage holds of one assigned partition, and how its state is read back."""

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
    """One assignment of a partition; a new one is made at each rebalance.

    `restored_to` is the next offset of the state topic to read: a partition that comes back after
    a rebalance keeps its state and reads on from there.
    """

    tp: TP
    state: PartitionState | None
    restored_to: int = 0
    counters: Counters | None = None
    live: bool = True
    ready: bool = False
    entries: deque[Any] = field(default_factory=deque)


ReadToHighWatermark = Callable[
    [str, dict[int, int], float | None, Callable[[Row], None]], Awaitable[dict[int, int]]
]
"""Reads partitions of a topic to their present end: topic, {partition: first offset}, how many
hours back at most, and where the rows go; returns {partition: next offset}."""


class AccountReader(Protocol):
    """The newest accounts, as far as the topic `stats` tells."""

    async def caught_up(self) -> None:
        """Return once everything written before this call has been read."""

    def account(self, stage: str, partition: int) -> Account | None:
        """Return the account of a stage's partition that is furthest on, of its last owner."""


async def restore(
    partitions: Iterable[Partition],
    *,
    stage: str,
    spec: StateTopic | None,
    read_to_high_watermark: ReadToHighWatermark,
    accounts: AccountReader,
    clock: Callable[[], float],
    generation: int,
) -> None:
    """Read state and accounts of newly assigned partitions; they may take records after it."""
    mine = {part.tp.partition: part for part in partitions}
    await accounts.caught_up()
    if spec is not None:
        states = {number: part.state for number, part in mine.items()}

        def max_batch(row: Row) -> None:
            state = states[row.partition]
            if state is not None:
                state.restore(row)

        start = {number: part.restored_to for number, part in mine.items()}
        ends = await read_to_high_watermark(spec.topic, start, spec.hours, max_batch)
        for number, end in ends.items():
            mine[number].restored_to = end
    for number, part in mine.items():
        part.counters = Counters(stage, number, accounts.account(stage, number), clock, generation)
        part.ready = True

"""A broker in memory for tests of stages: it keeps what was produced, and fails on request."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from faust.types.tuples import TP

from feedback_app.hop import Output, Row, TransientError
from feedback_app.hop.stage import Stage, StageContext
from models import Account, DeadLetter
from tests.support.clocks import HandClock

STATS = "stats"
DEAD = "dead-letters"


@dataclass(frozen=True)
class Record:
    """A record as aiokafka's consumer returns it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 1_800_000_000_000


@dataclass
class MemoryBroker:
    """The context of a stage, over lists."""

    clock: HandClock = field(default_factory=HandClock)
    log: list[Output] = field(default_factory=list)
    before: Callable[[Sequence[Output]], None] | None = None
    woken: int = 0
    accounts: dict[tuple[str, int], Account] = field(default_factory=dict)
    last_inbound: dict[TP, float] = field(default_factory=dict)

    async def produce(self, outputs: Sequence[Output]) -> None:
        """Append outputs to the log, unless `before` raises."""
        await asyncio.sleep(0)
        if self.before is not None:
            self.before(outputs)
        self.log += outputs
        for output in outputs:
            if output.topic == STATS:
                account = Account.decode(output.value)
                self.accounts[account.stage, account.partition] = account

    async def caught_up(self) -> None:
        """Return at once: everything has been read."""

    def account(self, stage: str, partition: int) -> Account | None:
        """Return the newest account."""
        return self.accounts.get((stage, partition))

    async def read_to_high_watermark(
        self,
        topic: str,
        start: dict[int, int],
        hours: float | None,
        apply: Callable[[Row], None],
    ) -> dict[int, int]:
        """Read a topic of the log, in which the offsets of each partition start at 0."""
        ends = dict.fromkeys(start, 0)
        for output in self.log:
            number = output.partition
            if output.topic == topic and number in start:
                offset = ends[number]
                ends[number] += 1
                if offset >= start[number]:
                    apply(Row(number, offset, output.key, output.value, self.clock.now))
        return ends

    def wake(self) -> None:
        """Count the wake-ups of the consumer."""
        self.woken += 1

    @property
    def context(self) -> StageContext:
        """The context for a stage."""
        return StageContext(
            self.produce,
            STATS,
            DEAD,
            self,
            self.read_to_high_watermark,
            self.wake,
            self.clock,
            self.last_inbound,
        )

    def sent(self, topic: str) -> list[bytes | None]:
        """Return the values produced to a topic."""
        return [output.value for output in self.log if output.topic == topic]

    @property
    def dead(self) -> list[DeadLetter]:
        """The dead letters."""
        return [DeadLetter.decode(value) for value in self.sent(DEAD)]

    def totals(self, stage: str) -> dict[str, dict[str, int]]:
        """Return the counts of a stage over all minutes, each minute's last account."""
        last: dict[bytes, Account] = {}
        for value in self.sent(STATS):
            account = Account.decode(value)
            if account.stage == stage:
                last[account.key] = account
        found: dict[str, dict[str, int]] = {}
        for account in last.values():
            for group, names in account.counts.items():
                for name, n in names.items():
                    found.setdefault(group, {}).setdefault(name, 0)
                    found[group][name] += n
        return found


def transient_errors(times: int) -> Callable[[Sequence[Output]], None]:
    """Return a `before` that raises a transient error that many times."""
    left = [times]

    def before(outputs: Sequence[Output]) -> None:
        if left[0]:
            left[0] -= 1
            raise TransientError("kafka", "down")

    return before


def records(
    topic: str, partition: int, values: Sequence[bytes | None], first: int = 0
) -> list[Any]:
    """Return records of a partition at consecutive offsets."""
    return [
        Record(topic, partition, first + n, f"k{first + n}".encode(), value)
        for n, value in enumerate(values)
    ]


async def assigned(stage: Stage, *numbers: int) -> None:
    """Assign partitions and wait until their state is restored."""
    stage.assign({TP(stage.spec.topic, number) for number in numbers}, generation=1)
    while not all(part.restored for part in stage.partitions.values()):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], turns: int = 10_000) -> None:
    """Run the event loop until a condition holds; fails after `turns` turns."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")

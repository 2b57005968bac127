"""What batch and record stages share: assignment, failures and their waits, dead letters."""

import abc
import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from faust.types.tuples import TP

from feedback_app.clock import Clock
from feedback_app.hop.errors import BadRecord, CircuitOpen, TransientError
from feedback_app.hop.partition import AccountReader, Partition, ReadToHighWatermark, restore
from feedback_app.hop.types import Count, Item, Output, Produce, Result, StateTopic
from models.dead_letter import MAX_KEY_BYTES, DeadLetter
from models.wire import InvalidRecord, rfc3339

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_ATTEMPTS = 3
"""How often a record that meets a bug is tried before it is a dead letter."""
ERROR_BUDGET = 20
ERROR_BUDGET_WINDOW_S = 600.0
"""More dead letters by bugs than this within the window stop the stage."""
BACKOFF_S = (0.2, 30.0)
"""First and longest wait between tries after an outside fault."""
KAFKA_BACKOFF_S = 5.0
"""Longest wait where the fault is Kafka's: it is the user's own, and everything waits for it."""
GRACE_S = 2.0
"""How long a rebalance waits for what is in flight."""


@dataclass(frozen=True, slots=True)
class Links:
    """What every stage of an app works with."""

    produce: Produce
    stats_topic: str
    dead_letters_topic: str
    accounts: AccountReader
    read_to_high_watermark: ReadToHighWatermark
    wake: Callable[[], None]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Plan:
    """How one stage works: its name, its records and where its state lives.

    `group` names the source or channel of a record in the accounts; `taken` is counted for every
    record, whatever becomes of it, and `dead` for one that ends as a dead letter.
    """

    name: str
    topic: str
    decode: Callable[[bytes | None, bytes | None], Any]
    group: Callable[[Any], str]
    taken: str | None = None
    dead: Sequence[str] = ("dead_lettered",)
    state: StateTopic | None = None


class Stage(abc.ABC):
    """A stage of the pipeline on this worker."""

    def __init__(self, plan: Plan, links: Links) -> None:
        self.plan, self.links = plan, links
        self.partitions: dict[int, Partition] = {}
        self.acked: dict[TP, int] = {}
        self._reported: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._blocked: dict[str, int] = {}
        self.stopped: str | None = None
        self.finished = 0
        self.progress_at = links.clock.monotonic()
        self._rated = (self.progress_at, 0)
        self._parked: dict[int, Partition] = {}
        self._restoring: asyncio.Task[None] | None = None
        self._bugs: deque[float] = deque()

    def accepts(self, tp: TP) -> bool:
        """Whether records of this partition are wanted now."""
        part = self.partitions.get(tp.partition)
        return part is not None and part.ready and self.stopped is None

    def assign(self, tps: set[TP], generation: int) -> None:
        """Start on exactly these partitions; their records wait until the state has been read."""
        spec = self.plan.state
        fresh = {}
        for tp in tps:
            old = self._parked.get(tp.partition)
            fresh[tp.partition] = (
                Partition(tp, spec.new(tp.partition) if spec is not None else None)
                if old is None
                else Partition(tp, old.state, restored_to=old.restored_to)
            )
        self.partitions, self._parked = fresh, {}
        self._note_progress()
        if fresh:
            self._restoring = asyncio.ensure_future(self._restore(list(fresh.values()), generation))

    async def _restore(self, parts: list[Partition], generation: int) -> None:
        def attempt() -> Awaitable[None]:
            return restore(
                parts,
                stage=self.plan.name,
                spec=self.plan.state,
                read_to_high_watermark=self.links.read_to_high_watermark,
                accounts=self.links.accounts,
                clock=self.links.clock.time,
                generation=generation,
            )

        try:
            await self.retry_forever(attempt)
        except Exception as error:
            self.stop(error)
        self.links.wake()

    async def drain(self) -> None:
        """End what is in flight within a bound; what is unfinished will be read again."""
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.wait({self._restoring})
            self._restoring = None
        await self._drain_in_flight()
        for part in self.partitions.values():
            part.live = False
        # A partition whose state was never read whole must not pass for one that was.
        self._parked |= {number: part for number, part in self.partitions.items() if part.ready}
        self.partitions = {}

    @abc.abstractmethod
    async def run(self) -> None:
        """Carry records for ever."""

    @abc.abstractmethod
    def put(self, tp: TP, records: list[Any]) -> None:
        """Take in records of one partition, in offset order."""

    @property
    @abc.abstractmethod
    def busy(self) -> bool:
        """Whether there is anything to do."""

    @abc.abstractmethod
    async def _drain_in_flight(self) -> None:
        """Finish what is in flight within a bound, drop the rest."""

    async def retry_forever(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns, tried again after each outside fault, for ever."""
        delay = BACKOFF_S[0]
        dependencies: set[str] = set()
        try:
            while True:
                try:
                    return await attempt()
                except CircuitOpen:
                    raise
                except TransientError as fault:
                    self._note_fault(fault, dependencies)
                    pause = delay * random.uniform(0.8, 1.2)  # noqa: S311
                    await self.links.clock.sleep(max(pause, fault.retry_after or 0))
                    longest = KAFKA_BACKOFF_S if fault.dependency == "kafka" else BACKOFF_S[1]
                    delay = min(2 * delay, longest)
        finally:
            for dependency in dependencies:
                self._blocked[dependency] -= 1
                if not self._blocked[dependency]:
                    del self._blocked[dependency], self._faults[dependency]
            if dependencies:
                self._note_progress()

    def _note_fault(self, fault: TransientError, dependencies: set[str]) -> None:
        if fault.dependency not in dependencies:
            dependencies.add(fault.dependency)
            self._blocked[fault.dependency] = self._blocked.get(fault.dependency, 0) + 1
            log.warning("%s waits for %s: %s", self.plan.name, fault.dependency, fault)
        self._faults[fault.dependency] = str(fault)

    def report_blocked(self, dependency: str, why: str | None) -> None:
        """Show a wait that a handler sees to by itself, or with None that it is over."""
        if why is not None:
            self._reported[dependency] = why
        elif self._reported.pop(dependency, None) is not None:
            self._note_progress()

    def _note_progress(self) -> None:
        """Count from now on how long nothing has moved: work begins, is done, or goes on."""
        self.progress_at = self.links.clock.monotonic()

    def rate(self) -> float:
        """Return the records finished a second since the last call."""
        now = self.links.clock.monotonic()
        (then, before), self._rated = self._rated, (now, self.finished)
        return (self.finished - before) / (now - then) if now > then else 0.0

    @property
    def waiting(self) -> dict[str, str]:
        """What this stage waits for outside: {party: what is wrong}."""
        found = {**self._reported, **self._faults}
        return found if self.stopped is None else {"bug": self.stopped, **found}

    async def with_retries(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns; raises BadRecord, or Exception once a bug has had its
        tries."""
        for left in range(MAX_ATTEMPTS - 1, -1, -1):
            try:
                return await self.retry_forever(attempt)
            except (BadRecord, CircuitOpen):
                raise
            except Exception:
                log.exception("%s: a bug; %d more tries", self.plan.name, left)
                if not left:
                    raise
                await self.links.clock.sleep(BACKOFF_S[0])
        raise AssertionError("unreachable")

    def spend_error_budget(self) -> None:
        """Count a bug; past the cap the stage stops, because a bug is not bad data."""
        now = self.links.clock.monotonic()
        self._bugs.append(now)
        while self._bugs and self._bugs[0] < now - ERROR_BUDGET_WINDOW_S:
            self._bugs.popleft()
        if len(self._bugs) > ERROR_BUDGET:
            raise CircuitOpen(
                "bug",
                f"{len(self._bugs)} records met a bug within "
                f"{ERROR_BUDGET_WINDOW_S / 60:.0f} minutes; "
                "see the dead letters, mend it, and restart this worker",
            )

    def stop(self, error: Exception) -> None:
        """Take and acknowledge nothing more: what was not finished is read after a restart."""
        if self.stopped is None:
            known = isinstance(error, CircuitOpen)
            self.stopped = str(error) if known else f"{type(error).__name__}: {error}"
            log.error("%s stopped: %s", self.plan.name, self.stopped, exc_info=error)

    def item(self, part: Partition, record: Any) -> Item[Any] | Result:
        """Return the decoded record, or the result of one that cannot be decoded."""
        key, value = record.key, record.value
        try:
            decoded = self.plan.decode(value, key)
        except InvalidRecord as error:
            return self.dead(record, "InvalidRecord", str(error), 1, "unknown")
        return Item(
            record.topic,
            record.partition,
            record.offset,
            key,
            record.timestamp / 1000,
            decoded,
            part.state,
        )

    def group_of(self, part: Partition, record: Any) -> str:
        """Return the group of a record that may not even decode."""
        try:
            item = self.item(part, record)
            return self.plan.group(item.value) if isinstance(item, Item) else "unknown"
        except Exception:  # a bug in decoding, which the dead letter tells of
            return "unknown"

    def dead(self, record: Any, error: str, reason: str, attempts: int, group: str) -> Result:
        """Return the result of a record that goes to the dead letters."""
        return Result(
            outputs=[self.dead_letter(record, error, reason, attempts)],
            counts=[(group, name) for name in self.plan.dead],
        )

    def dead_letter(self, record: Any, error: str, reason: str, attempts: int) -> Output:
        """Return the dead letter of a record."""
        dead_letter = DeadLetter.of(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            stage=self.plan.name,
            error=error,
            reason=reason,
            attempts=attempts,
            failed_at=rfc3339(self.links.clock.time()),
        )
        # Its topic is compacted by nobody, so a key that was cut serves as well.
        key = None if record.key is None else record.key[:MAX_KEY_BYTES]
        return Output(self.links.dead_letters_topic, key, dead_letter.encode())

    def counts(self, group: str, result: Result) -> Sequence[Count]:
        """Return what a record counts as."""
        if self.plan.taken is None:
            return result.counts
        return [(group, self.plan.taken), *result.counts]

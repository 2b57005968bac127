"""What batch and record stages share: assignment, failures and retries, dead letters."""

import abc
import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from faust.types.tuples import TP

from feedback_app.backoff import Backoff
from feedback_app.clock import Clock
from feedback_app.hop.errors import BadRecord, CircuitOpen, TransientError
from feedback_app.hop.partition import AccountReader, Partition, ReadToHighWatermark, restore
from feedback_app.hop.types import Count, Item, Output, Produce, Result, StateTopic
from models.dead_letter import MAX_KEY_BYTES, DeadLetter
from models.wire import InvalidRecord, rfc3339

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_ATTEMPTS = 3
"""How often a record that meets a bug is tried before it goes to the dead-letter queue."""
ERROR_BUDGET = 20
ERROR_BUDGET_WINDOW_S = 600.0
"""More dead letters by bugs than this within the window open the circuit."""
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 30.0
"""First and longest wait between tries after a transient error."""
KAFKA_BACKOFF_S = 5.0
"""Longest wait while Kafka fails: it is the operator's own, and everything depends on it."""
DRAIN_GRACE_S = 2.0
"""How long a rebalance waits for the batches in flight."""


@dataclass(frozen=True, slots=True)
class StageContext:
    """What all stages of an app share.

    `wake` tells the consumer that a stage accepts records again. `last_inbound` is where Faust's
    watchdog looks for the time of each partition's last record.
    """

    produce: Produce
    stats_topic: str
    dead_letters_topic: str
    accounts: AccountReader
    read_to_high_watermark: ReadToHighWatermark
    wake: Callable[[], None]
    clock: Clock
    last_inbound: dict[TP, float]


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What defines a stage: its name, its input topic and decoder, its state, its counts.

    `group` returns the source or channel that a record counts for. `count_read` names the counter
    of every record that is read, `count_dead` those of a record that becomes a dead letter.
    """

    name: str
    topic: str
    decode: Callable[[bytes | None, bytes | None], Any]
    group: Callable[[Any], str]
    count_read: str | None = None
    count_dead: Sequence[str] = ("dead_lettered",)
    state: StateTopic | None = None


class Stage(abc.ABC):
    """A stage of the pipeline on this worker.

    `acked` holds the next offset to commit of each partition. `stopped` is the reason why the
    stage takes no more records, or None.
    """

    def __init__(self, spec: StageSpec, context: StageContext) -> None:
        self.spec, self.context = spec, context
        self.partitions: dict[int, Partition] = {}
        self.acked: dict[TP, int] = {}
        self.stopped: str | None = None
        self.finished = 0
        self.progress_at = context.clock.monotonic()
        self._rated = (self.progress_at, 0)
        self._reported: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._blocked: dict[str, int] = {}
        self._parked: dict[int, Partition] = {}
        self._restoring: asyncio.Task[None] | None = None
        self._bugs: deque[float] = deque()

    def accepts(self, tp: TP) -> bool:
        """Whether the stage takes records of this partition now."""
        part = self.partitions.get(tp.partition)
        return part is not None and part.restored and self.stopped is None

    def assign(self, tps: set[TP], generation: int) -> None:
        """Start on exactly these partitions; they accept records once their state is restored."""
        state_topic = self.spec.state
        assigned = {}
        for tp in tps:
            parked = self._parked.get(tp.partition)
            assigned[tp.partition] = (
                Partition(tp, state_topic.new(tp.partition) if state_topic is not None else None)
                if parked is None
                else Partition(tp, parked.state, restored_to=parked.restored_to)
            )
        self.partitions, self._parked = assigned, {}
        self._mark_progress()
        if assigned:
            self._restoring = asyncio.ensure_future(
                self._restore(list(assigned.values()), generation)
            )

    async def _restore(self, parts: list[Partition], generation: int) -> None:
        def attempt() -> Awaitable[None]:
            return restore(
                parts,
                stage=self.spec.name,
                state_topic=self.spec.state,
                read_to_high_watermark=self.context.read_to_high_watermark,
                accounts=self.context.accounts,
                clock=self.context.clock.time,
                generation=generation,
            )

        try:
            await self.retry_forever(attempt)
        except Exception as error:
            self.stop(error)
        self.context.wake()

    async def drain(self) -> None:
        """Finish what is in flight within a bound; the rest is read again by the next owner."""
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.wait({self._restoring})
            self._restoring = None
        await self._drain_in_flight()
        for part in self.partitions.values():
            part.assigned = False
        # A partly restored state must not be taken for a whole one.
        self._parked |= {number: part for number, part in self.partitions.items() if part.restored}
        self.partitions = {}

    @abc.abstractmethod
    async def run(self) -> None:
        """Process records forever."""

    @abc.abstractmethod
    def submit(self, tp: TP, records: list[Any]) -> None:
        """Queue records of one partition, in offset order."""

    @property
    @abc.abstractmethod
    def busy(self) -> bool:
        """Whether any record is queued or in flight."""

    @abc.abstractmethod
    async def _drain_in_flight(self) -> None:
        """Finish what is in flight within a bound and drop the rest."""

    async def retry_forever(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `attempt`, retried with backoff after each transient error."""
        backoff: Backoff | None = None
        failing = ""
        dependencies: set[str] = set()
        try:
            while True:
                try:
                    return await attempt()
                except CircuitOpen:
                    raise
                except TransientError as fault:
                    self._block_on(fault, dependencies)
                    if backoff is None or fault.dependency != failing:
                        # Another dependency fails now, perhaps for a moment only.
                        backoff = Backoff(FIRST_BACKOFF_S, LONGEST_BACKOFF_S)
                        failing = fault.dependency
                    longest = KAFKA_BACKOFF_S if fault.dependency == "kafka" else LONGEST_BACKOFF_S
                    pause = max(backoff.next(longest=longest), fault.retry_after or 0)
                    await self.context.clock.sleep(pause)
        finally:
            for dependency in dependencies:
                self._blocked[dependency] -= 1
                if not self._blocked[dependency]:
                    del self._blocked[dependency], self._faults[dependency]
            if dependencies:
                self._mark_progress()

    def _block_on(self, fault: TransientError, dependencies: set[str]) -> None:
        """Show that an attempt waits for a dependency; `dependencies` are those shown already."""
        if fault.dependency not in dependencies:
            dependencies.add(fault.dependency)
            self._blocked[fault.dependency] = self._blocked.get(fault.dependency, 0) + 1
            log.warning("%s waits for %s: %s", self.spec.name, fault.dependency, fault)
        self._faults[fault.dependency] = str(fault)

    def report_blocked(self, dependency: str, why: str | None) -> None:
        """Show a wait that a handler manages itself; with `why` None, that it is over."""
        if why is not None:
            self._reported[dependency] = why
        elif self._reported.pop(dependency, None) is not None:
            self._mark_progress()

    def _mark_progress(self) -> None:
        """Restart the time without progress: work begins, is done, or continues after a wait."""
        self.progress_at = self.context.clock.monotonic()

    def rate(self) -> float:
        """Return the records finished per second since the last call."""
        now = self.context.clock.monotonic()
        (then, before), self._rated = self._rated, (now, self.finished)
        return (self.finished - before) / (now - then) if now > then else 0.0

    @property
    def waiting(self) -> dict[str, str]:
        """What this stage waits for: {dependency: what is wrong}."""
        found = {**self._reported, **self._faults}
        return found if self.stopped is None else {"bug": self.stopped, **found}

    async def with_retries(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `attempt`; a bug is tried again, MAX_ATTEMPTS times in all.

        A transient error does not count as a try. Raises BadRecord, CircuitOpen, or the bug.
        """
        for left in range(MAX_ATTEMPTS - 1, -1, -1):
            try:
                return await self.retry_forever(attempt)
            except (BadRecord, CircuitOpen):
                raise
            except Exception:
                log.exception("%s: a bug; %d more tries", self.spec.name, left)
                if not left:
                    raise
                await self.context.clock.sleep(FIRST_BACKOFF_S)
        raise AssertionError("unreachable")

    def spend_error_budget(self) -> None:
        """Count a bug; raises CircuitOpen beyond the budget, because a bug is not bad data."""
        now = self.context.clock.monotonic()
        self._bugs.append(now)
        while self._bugs and self._bugs[0] < now - ERROR_BUDGET_WINDOW_S:
            self._bugs.popleft()
        if len(self._bugs) > ERROR_BUDGET:
            raise CircuitOpen(
                "bug",
                f"{len(self._bugs)} records met a bug within "
                f"{ERROR_BUDGET_WINDOW_S / 60:.0f} minutes; "
                "see the dead letters, fix it, and restart this worker",
            )

    def stop(self, error: Exception) -> None:
        """Take and acknowledge no more records; the unfinished ones are read after a restart."""
        if self.stopped is None:
            known = isinstance(error, CircuitOpen)
            self.stopped = str(error) if known else f"{type(error).__name__}: {error}"
            log.error("%s stopped: %s", self.spec.name, self.stopped, exc_info=error)

    def item(self, part: Partition, record: Any) -> Item[Any] | Result:
        """Return the decoded record, or the dead-letter result of a malformed one."""
        key, value = record.key, record.value
        try:
            decoded = self.spec.decode(value, key)
        except InvalidRecord as error:
            return self.dead_result(record, "InvalidRecord", str(error), 1, "unknown")
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
        """Return the group of a record, `unknown` if it does not decode."""
        try:
            item = self.item(part, record)
            return self.spec.group(item.value) if isinstance(item, Item) else "unknown"
        except Exception:  # a bug in decoding, which the dead letter reports
            return "unknown"

    def dead_result(
        self, record: Any, error: str, reason: str, attempts: int, group: str
    ) -> Result:
        """Return the result that sends a record to the dead-letter queue."""
        return Result(
            outputs=[self.dead_letter(record, error, reason, attempts)],
            counts=[(group, name) for name in self.spec.count_dead],
        )

    def dead_letter(self, record: Any, error: str, reason: str, attempts: int) -> Output:
        """Return the dead letter of a record."""
        dead_letter = DeadLetter.of(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            stage=self.spec.name,
            error=error,
            reason=reason,
            attempts=attempts,
            failed_at=rfc3339(self.context.clock.time()),
        )
        # The topic is not compacted, so a truncated key will do.
        key = None if record.key is None else record.key[:MAX_KEY_BYTES]
        return Output(self.context.dead_letters_topic, key, dead_letter.encode())

    def counts(self, group: str, result: Result) -> Sequence[Count]:
        """Return the counts of a record."""
        if self.spec.count_read is None:
            return result.counts
        return [(group, self.spec.count_read), *result.counts]

"""A stage whose handler takes single records, many at a time; they finish in any order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Any

from faust.types.tuples import TP

from feedback_app.hop.accounts import Counters, tally
from feedback_app.hop.errors import BadRecord, CircuitOpen
from feedback_app.hop.partition import Partition
from feedback_app.hop.stage import MAX_ATTEMPTS, Stage, StageContext, StageSpec
from feedback_app.hop.types import Count, Item, Output, Result
from models.account import Counts

RecordHandler = Callable[[Item[Any]], Awaitable[Result]]

IN_FLIGHT_GRACE_S = 1.0
"""How long a rebalance waits for a request in flight, which may succeed even if cancelled."""
LINGER_S = 0.1
"""How long changes gather for an accounting record; one per change would cost more than a post."""


@dataclass(slots=True, eq=False)
class Entry:
    """A record that was read but not acknowledged; `counts` are set once it is finished."""

    record: Any
    item: Item[Any] | None
    counts: Sequence[Count] | None = None
    task: asyncio.Task[None] | None = None


class RecordStage(Stage):
    """Runs one task per record and acknowledges up to the oldest unfinished record.

    The accounting record counts up to that offset. Its `ahead` counts what was read beyond it;
    `pending` returns the counts of an unfinished record. A partition accepts records while fewer
    than `capacity` are in flight.
    """

    def __init__(
        self,
        spec: StageSpec,
        context: StageContext,
        handler: RecordHandler,
        *,
        capacity: int = 10_000,
        pending: Callable[[Item[Any]], Sequence[Count]] | None = None,
    ) -> None:
        super().__init__(spec, context)
        self.handler, self.capacity, self._pending = handler, capacity, pending
        self._changed: dict[int, Partition] = {}
        self._some_changed = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def accepts(self, tp: TP) -> bool:
        part = self.partitions.get(tp.partition)
        return super().accepts(tp) and part is not None and len(part.entries) < self.capacity

    @property
    def busy(self) -> bool:
        """Whether any record is in flight."""
        return any(part.entries for part in self.partitions.values())

    async def run(self) -> None:
        """Wait forever: each record has its own task."""
        await asyncio.Event().wait()

    def submit(self, tp: TP, records: list[Any]) -> None:
        """Start a task for each record of one partition."""
        if self.stopped is not None:
            return
        if not self.busy:
            self._mark_progress()
        part = self.partitions[tp.partition]
        if self._writer is None:
            self._writer = asyncio.ensure_future(self._write_guarded())
        for record in records:
            entry = Entry(record, None)
            part.entries.append(entry)
            entry.task = asyncio.ensure_future(self._process_guarded(part, entry))
        self._mark_changed(part)

    def _mark_changed(self, part: Partition) -> None:
        self._changed[part.tp.partition] = part
        self._some_changed.set()

    async def _process_guarded(self, part: Partition, entry: Entry) -> None:
        try:
            result = await self._process(part, entry)
        except Exception as error:
            self.stop(error)
            return  # unfinished: read again after a restart
        entry.counts = result
        if part.assigned:
            self._mark_changed(part)

    async def _process(self, part: Partition, entry: Entry) -> Sequence[Count]:
        record = entry.record
        try:
            return await self.with_retries(lambda: self._attempt(part, entry))
        except CircuitOpen:
            raise
        except BadRecord as error:
            name, reason, attempts = error.error, str(error), 1
        except Exception as error:
            self.spend_error_budget()
            name, reason, attempts = type(error).__name__, str(error), MAX_ATTEMPTS
        group = self.group_of(part, record)
        result = self.dead_result(record, name, reason, attempts, group)
        await self.retry_forever(lambda: self.context.produce(result.outputs))
        return self.counts(group, result)

    async def _attempt(self, part: Partition, entry: Entry) -> Sequence[Count]:
        item = self.item(part, entry.record)
        if isinstance(item, Result):
            await self.context.produce(item.outputs)
            return self.counts("unknown", item)
        entry.item = item
        result = await self.handler(item)
        group = self.spec.group(item.value)
        outputs, counts = list(result.outputs), result.counts
        if result.dead is not None:
            dead = self.dead_result(entry.record, "BadRecord", result.dead, 1, group)
            outputs += dead.outputs
            counts = counts or dead.counts
        if outputs:
            await self.context.produce(outputs)
        if result.remember is not None and part.state is not None:
            part.state.remember(result.remember)
        return self.counts(group, Result(counts=counts))

    async def _write_guarded(self) -> None:
        try:
            await self._write()
        except Exception as error:
            self.stop(error)

    async def _write(self) -> None:
        """Write accounting records and acknowledge, soon after records were read or finished."""
        while True:
            await self._some_changed.wait()
            await self.context.clock.sleep(LINGER_S)
            self._some_changed.clear()
            changed, self._changed = list(self._changed.values()), {}
            checkpoints: list[tuple[Partition, Counters, int]] = []
            outputs: list[Output] = []
            for part in changed:
                assert part.counters is not None
                counters = part.counters.next_record()
                done = self._count_done(part.entries, counters)
                outputs.append(
                    counters.output(
                        self.context.stats_topic, self._in_flight_counts(part.entries, done)
                    )
                )
                checkpoints.append((part, counters, done))
            await self.retry_forever(lambda outputs=outputs: self.context.produce(outputs))  # type: ignore[misc]
            for part, counters, done in checkpoints:
                part.counters = counters
                self._acknowledge(part, done)

    def _acknowledge(self, part: Partition, done: int) -> None:
        for _ in range(done):
            part.entries.popleft()
        if done and part.assigned:
            assert part.counters is not None
            self.acked[part.tp] = part.counters.offset + 1
            self.context.last_inbound[part.tp] = monotonic()
            self.finished += done
            self._mark_progress()
            self.context.wake()

    def _count_done(self, entries: deque[Entry], counters: Counters) -> int:
        done = 0
        for entry in entries:
            if entry.counts is None:
                break
            counters.add(entry.record.offset, entry.counts)
            done += 1
        return done

    def _in_flight_counts(self, entries: deque[Entry], done: int) -> Counts | None:
        if self._pending is None:
            return None
        counts: Counts = {}
        for entry in islice(entries, done, None):
            if entry.counts is not None:
                tally(entry.counts, counts)
            elif entry.item is not None:
                tally(self._pending(entry.item), counts)
        return counts

    async def _drain_in_flight(self) -> None:
        """Cancel what has no request in flight, give the rest a grace, checkpoint the finished."""
        tasks, in_flight = [], []
        for part in self.partitions.values():
            for entry in part.entries:
                if entry.task is None or entry.task.done():
                    continue
                tasks.append(entry.task)
                if entry.item is not None and entry.item.in_flight:
                    in_flight.append(entry.task)
                else:
                    entry.task.cancel()
        if in_flight:
            await asyncio.wait(in_flight, timeout=IN_FLIGHT_GRACE_S)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        if self._writer is not None:
            await self._final_write(self._writer)
            self._writer = None
        self._changed = {}

    async def _final_write(self, writer: asyncio.Task[None]) -> None:
        until = monotonic() + 1
        while monotonic() < until and any(
            part.entries and part.entries[0].counts is not None for part in self.partitions.values()
        ):
            await asyncio.wait({writer}, timeout=0.01)
        writer.cancel()
        await asyncio.wait({writer}, timeout=1)

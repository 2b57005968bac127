"""A stage whose handler takes whole batches; the handler is pure, so a batch can be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any

from faust.types.tuples import TP

from feedback_app.hop.accounts import Counters
from feedback_app.hop.errors import BadRecord, CircuitOpen
from feedback_app.hop.partition import Partition
from feedback_app.hop.stage import DRAIN_GRACE_S, MAX_ATTEMPTS, Stage, StageContext, StageSpec
from feedback_app.hop.types import Count, Item, Output, Result

BatchHandler = Callable[[Sequence[Item[Any]]], Awaitable[Sequence[Result]]]
Run = tuple[Partition, list[Any]]
"""Records of one partition in offset order; a batch is a list of runs."""

TARGET_BATCH_S = 1.5
"""The longest time that a batch should take. Longer ones are made smaller, because a rebalance
cancels what is not done after its grace, and the next owner does it again."""
MIN_RUN = 32
"""Records taken from one partition at a time, at least, if it has as many."""


class BatchStage(Stage):
    """Runs the handler on batches of up to `max_batch` records; no timer fills a batch.

    Up to `max_in_flight` batches run at a time, of different partitions, because a partition's
    next batch needs the state that its last one left. Results leave in input order.
    """

    def __init__(
        self,
        spec: StageSpec,
        context: StageContext,
        handler: BatchHandler,
        *,
        max_batch: int = 500,
        max_in_flight: int = 1,
    ) -> None:
        super().__init__(spec, context)
        self.handler, self.max_batch, self.capacity = handler, max_batch, 4 * max_batch
        self._max_in_flight = max_in_flight
        self._queued: dict[int, list[Any]] = {}
        self._count, self._full = 0, False
        self._batch_limit = max_batch
        self._ready = asyncio.Event()
        self._in_flight: dict[asyncio.Task[None], frozenset[int]] = {}

    def accepts(self, tp: TP) -> bool:
        # A full stage pauses all its partitions: one partition that is not read makes aiokafka
        # delay every other fetch from that broker by 0.1 s.
        return not self._full and super().accepts(tp)

    def submit(self, tp: TP, records: list[Any]) -> None:
        """Queue records of one partition, in offset order."""
        if self.stopped is not None:
            return  # nothing after the abandoned records may be acknowledged
        if not self.busy:
            self._mark_progress()
        if tp.partition in self._queued:
            self._queued[tp.partition] += records
        else:
            self._queued[tp.partition] = records
        self._set_count(self._count + len(records))
        self._ready.set()

    @property
    def busy(self) -> bool:
        """Whether any record is queued or in flight."""
        return bool(self._count) or bool(self._in_flight)

    async def run(self) -> None:
        """Process batches forever."""
        try:
            while self.stopped is None:
                self._ready.clear()
                if len(self._in_flight) < self._max_in_flight and (batch := self._next_batch()):
                    self._start(batch)
                else:
                    await self._ready.wait()
            if self._in_flight:
                await asyncio.wait(set(self._in_flight))
        except asyncio.CancelledError:
            for task in self._in_flight:
                task.cancel()
            raise

    def _start(self, batch: list[Run]) -> None:
        task = asyncio.ensure_future(self._process_guarded(batch))
        self._in_flight[task] = frozenset(part.tp.partition for part, _ in batch)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._ready.set()

    def _next_batch(self) -> list[Run]:
        """Dequeue the next batch: runs of a few partitions that have no batch in flight."""
        batch: list[Run] = []
        size, queued, max_batch = 0, self._queued, self._batch_limit
        free = queued.keys() - frozenset().union(*self._in_flight.values())
        share = max(MIN_RUN, max_batch // max(1, min(4, len(free))))
        for number in [number for number in queued if number in free]:
            records, n = queued.pop(number), min(share, max_batch - size)
            if len(records) > n:
                queued[number] = records[n:]  # to the end of the queue
                del records[n:]
            size += len(records)
            batch.append((self.partitions[number], records))
            if size >= max_batch:
                break
        self._set_count(self._count - size)
        return batch

    def _set_count(self, count: int) -> None:
        self._count = count
        if not count:
            self._queued.clear()
        if count >= self.capacity:
            self._full = True
        elif self._full and count <= self.capacity // 2:
            self._full = False
            self.context.wake()

    async def _process_guarded(self, batch: list[Run]) -> None:
        try:
            await self._process(batch)
        except Exception as error:
            self.stop(error)
            self._set_count(0)

    async def _process(self, batch: list[Run]) -> None:
        """Process a batch; if it fails by a bad record or a bug, each of its records alone."""
        try:
            await self.with_retries(lambda: self._attempt(batch))
        except CircuitOpen:
            raise
        except BadRecord as error:
            await self._one_by_one(batch, error, 1)
        except Exception as error:
            await self._one_by_one(batch, error, MAX_ATTEMPTS)

    async def _one_by_one(self, batch: list[Run], error: Exception, attempts: int) -> None:
        records = [(part, record) for part, run in batch for record in run]
        if len(records) > 1:
            for part, record in records:
                await self._process([(part, [record])])
            return
        part, record = records[0]
        if not isinstance(error, BadRecord):
            self.spend_error_budget()
        name = error.error if isinstance(error, BadRecord) else type(error).__name__
        group = self.group_of(part, record)
        result = self.dead_result(record, name, str(error), attempts, group)
        await self.retry_forever(lambda: self._finish(batch, [(group, result)]))

    async def _attempt(self, batch: list[Run]) -> None:
        """Decode, handle, send, and acknowledge; raises what the handler or the broker raises."""
        decoded: list[Item[Any] | Result] = [
            self.item(part, record) for part, run in batch for record in run
        ]
        items = [item for item in decoded if isinstance(item, Item)]
        began = self.context.clock.monotonic()
        results = await self.handler(items) if items else ()
        self._adapt_batch_limit(len(items), self.context.clock.monotonic() - began)
        if len(results) != len(items):
            raise RuntimeError(f"{len(results)} results for {len(items)} records")
        handled = iter(results)
        records = (record for _, run in batch for record in run)
        await self._finish(
            batch,
            [
                ("unknown", item)
                if isinstance(item, Result)
                else self._resolved(record, item, next(handled))
                for record, item in zip(records, decoded, strict=True)
            ],
        )

    def _adapt_batch_limit(self, size: int, seconds: float) -> None:
        """Set the limit so that the next batch takes about the target time."""
        # A small batch that took long was queued behind a large one.
        if seconds > TARGET_BATCH_S and size >= self._batch_limit // 2:
            fitting = int(size * TARGET_BATCH_S / seconds)
            self._batch_limit = max(MIN_RUN, min(self._batch_limit, fitting))
        elif seconds < TARGET_BATCH_S / 2 and size >= self._batch_limit:
            self._batch_limit = min(self.max_batch, 2 * self._batch_limit)

    def _resolved(self, record: Any, item: Item[Any], result: Result) -> tuple[str, Result]:
        """Return the group and the result, with the dead letter that the handler asked for."""
        group = self.spec.group(item.value)
        if result.dead is None:
            return group, result
        dead = self.dead_result(record, "BadRecord", result.dead, 1, group)
        return group, Result(dead.outputs, result.counts or dead.counts)

    async def _finish(self, batch: list[Run], done: list[tuple[str, Result]]) -> None:
        """Send outputs and accounting records, await the broker, then remember and acknowledge."""
        outputs: list[Output] = []
        all_counters: list[Counters] = []
        finished = iter(done)
        for part, run in batch:
            assert part.counters is not None
            counters = part.counters.next_record()
            counts: list[Count] = []
            for record, (group, result) in zip(run, finished, strict=False):
                outputs += result.outputs
                if record.offset > counters.offset:
                    counts += self.counts(group, result)
            counters.add(run[-1].offset, counts)
            outputs.append(counters.output(self.context.stats_topic))
            all_counters.append(counters)
        await self.context.produce(outputs)
        finished = iter(done)
        now = monotonic()
        for (part, run), counters in zip(batch, all_counters, strict=True):
            part.counters = counters
            for _ in run:
                what = next(finished)[1].remember
                if what is not None and part.state is not None:
                    part.state.remember(what)
            if part.assigned:
                self.acked[part.tp] = run[-1].offset + 1
                self.context.last_inbound[part.tp] = now
        self.finished += len(done)
        self._mark_progress()

    async def _drain_in_flight(self) -> None:
        self._set_count(0)
        if tasks := set(self._in_flight):
            _, late = await asyncio.wait(tasks, timeout=DRAIN_GRACE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)

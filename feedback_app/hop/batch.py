"""A stage whose handler takes whole batches; the handler is pure, so a batch can be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any

from faust.types.tuples import TP

from feedback_app.hop.accounts import Counters
from feedback_app.hop.errors import BadRecord, CircuitOpen
from feedback_app.hop.partition import Partition
from feedback_app.hop.stage import GRACE_S, MAX_ATTEMPTS, Links, Plan, Stage
from feedback_app.hop.types import Count, Item, Output, Result

BatchHandler = Callable[[Sequence[Item[Any]]], Awaitable[Sequence[Result]]]
Run = tuple[Partition, list[Any]]
"""Records of one partition in offset order."""

BATCH_S = 1.5
"""How long a handler may take for a batch: longer ones are made smaller, for a rebalance cancels
what is not done after its grace, and it is done again."""
RUN = 32
"""The least number of records taken from one partition at a time, if it has them."""


class BatchStage(Stage):
    """Runs the handler on batches of up to `max_batch` records; no timer fills a batch.

    Up to `max_in_flight` batches run at a time, each with partitions of its own, because a
    partition's next batch needs the state that its last one left. Results leave in input order.
    `seen` is what Faust's watchdog for stuck streams looks at.
    """

    def __init__(
        self,
        plan: Plan,
        links: Links,
        handler: BatchHandler,
        *,
        max_batch: int = 500,
        max_in_flight: int = 1,
        seen: dict[TP, float] | None = None,
    ) -> None:
        super().__init__(plan, links)
        self.handler, self.max_batch, self.capacity = handler, max_batch, 4 * max_batch
        self._max_in_flight = max_in_flight
        self._seen = {} if seen is None else seen
        self._waiting: dict[int, list[Any]] = {}
        self._count, self._full = 0, False
        self._batch_limit = max_batch
        self._ready = asyncio.Event()
        self._in_flight: dict[asyncio.Task[None], frozenset[int]] = {}

    def accepts(self, tp: TP) -> bool:
        # A full stage is held back as a whole: one partition left unread in aiokafka holds up
        # every other fetch from that broker for 0.1 s.
        return not self._full and super().accepts(tp)

    def put(self, tp: TP, records: list[Any]) -> None:
        """Take in records of one partition, in offset order."""
        if self.stopped is not None:
            return  # what follows the records that were given up must not be acknowledged
        if not self.busy:
            self._note_progress()
        if tp.partition in self._waiting:
            self._waiting[tp.partition] += records
        else:
            self._waiting[tp.partition] = records
        self._set_count(self._count + len(records))
        self._ready.set()

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._count) or bool(self._in_flight)

    async def run(self) -> None:
        """Carry batches for ever."""
        try:
            while self.stopped is None:
                self._ready.clear()
                if len(self._in_flight) < self._max_in_flight and (batch := self._next()):
                    self._start(batch)
                else:
                    await self._ready.wait()
            if self._in_flight:
                await asyncio.wait(set(self._in_flight))
        except asyncio.CancelledError:
            for flight in self._in_flight:
                flight.cancel()
            raise

    def _start(self, batch: list[Run]) -> None:
        flight = asyncio.ensure_future(self._carry_guarded(batch))
        self._in_flight[flight] = frozenset(part.tp.partition for part, _ in batch)
        flight.add_done_callback(self._on_done)

    def _on_done(self, flight: asyncio.Task[None]) -> None:
        del self._in_flight[flight]
        self._ready.set()

    def _next(self) -> list[Run]:
        """Take the next batch: runs of a few partitions that have no batch in flight."""
        batch: list[Run] = []
        size, waiting, max_batch = 0, self._waiting, self._batch_limit
        free = waiting.keys() - frozenset().union(*self._in_flight.values())
        share = max(RUN, max_batch // max(1, min(4, len(free))))
        for number in [number for number in waiting if number in free]:
            records, n = waiting.pop(number), min(share, max_batch - size)
            if len(records) > n:
                waiting[number] = records[n:]  # to the end of the line
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
            self._waiting.clear()
        if count >= self.capacity:
            self._full = True
        elif self._full and count <= self.capacity // 2:
            self._full = False
            self.links.wake()

    async def _carry_guarded(self, batch: list[Run]) -> None:
        try:
            await self._carry(batch)
        except Exception as error:
            self.stop(error)
            self._set_count(0)

    async def _carry(self, batch: list[Run]) -> None:
        """Carry a batch; where it fails for what it is, each of its records by itself."""
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
                await self._carry([(part, [record])])
            return
        part, record = records[0]
        if not isinstance(error, BadRecord):
            self.spend_error_budget()
        name = error.error if isinstance(error, BadRecord) else type(error).__name__
        group = self.group_of(part, record)
        result = self.dead(record, name, str(error), attempts, group)
        await self.retry_forever(lambda: self._finish(batch, [(group, result)]))

    async def _attempt(self, batch: list[Run]) -> None:
        """Decode, handle, send, and acknowledge; raises what the handler or the broker says."""
        every: list[Item[Any] | Result] = [
            self.item(part, record) for part, run in batch for record in run
        ]
        items = [item for item in every if isinstance(item, Item)]
        began = self.links.clock.monotonic()
        results = await self.handler(items) if items else ()
        self._fit(len(items), self.links.clock.monotonic() - began)
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
                for record, item in zip(records, every, strict=True)
            ],
        )

    def _fit(self, size: int, seconds: float) -> None:
        """Make the next batch one that takes about as long as it may."""
        # A small batch that took long was in line behind a large one.
        if seconds > BATCH_S and size >= self._batch_limit // 2:
            self._batch_limit = max(RUN, min(self._batch_limit, int(size * BATCH_S / seconds)))
        elif seconds < BATCH_S / 2 and size >= self._batch_limit:
            self._batch_limit = min(self.max_batch, 2 * self._batch_limit)

    def _resolved(self, record: Any, item: Item[Any], result: Result) -> tuple[str, Result]:
        group = self.plan.group(item.value)
        if result.dead is None:
            return group, result
        dead = self.dead(record, "BadRecord", result.dead, 1, group)
        return group, Result(dead.outputs, result.counts or dead.counts)

    async def _finish(self, batch: list[Run], done: list[tuple[str, Result]]) -> None:
        """Send outputs and accounts, await the broker, then remember and acknowledge."""
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
            outputs.append(counters.output(self.links.stats_topic))
            all_counters.append(counters)
        await self.links.produce(outputs)
        finished = iter(done)
        now = monotonic()
        for (part, run), counters in zip(batch, all_counters, strict=True):
            part.counters = counters
            for _ in run:
                what = next(finished)[1].remember
                if what is not None and part.state is not None:
                    part.state.remember(what)
            if part.live:
                self.acked[part.tp] = run[-1].offset + 1
                self._seen[part.tp] = now
        self.finished += len(done)
        self._note_progress()

    async def _drain_in_flight(self) -> None:
        self._set_count(0)
        if flight := set(self._in_flight):
            _, late = await asyncio.wait(flight, timeout=GRACE_S)
            for one in late:
                one.cancel()
            if late:
                await asyncio.wait(late, timeout=1)

"""A stage whose handler takes whole batches; the handler is pure, so a batch can be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any

from faust.types.tuples import TP

from feedback_app.hop.accounts import Book
from feedback_app.hop.errors import BadRecord, StageStopped
from feedback_app.hop.partition import Partition
from feedback_app.hop.stage import GRACE_S, TRIES, Links, Plan, Stage
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
    """Carries what is waiting, up to `take` records, through the handler, in batches.

    Up to `flights` batches are under way at a time, each of other partitions: a partition's next
    batch is judged by the state that its last one left. Results leave in input order. `seen` is
    what Faust's watchdog for stuck streams looks at.
    """

    def __init__(
        self,
        plan: Plan,
        links: Links,
        handler: BatchHandler,
        *,
        take: int = 500,
        flights: int = 1,
        seen: dict[TP, float] | None = None,
    ) -> None:
        super().__init__(plan, links)
        self.handler, self.take, self.room = handler, take, 4 * take
        self._flights_most = flights
        self._seen = {} if seen is None else seen
        self._waiting: dict[int, list[Any]] = {}
        self._count, self._full = 0, False
        self._most = take
        self._ready = asyncio.Event()
        self._flying: dict[asyncio.Task[None], frozenset[int]] = {}

    def takes(self, tp: TP) -> bool:
        # A full stage is held back as a whole: one partition left unread in aiokafka holds up
        # every other fetch from that broker for 0.1 s.
        return not self._full and super().takes(tp)

    def put(self, tp: TP, records: list[Any]) -> None:
        """Take in records of one partition, in offset order."""
        if self.stopped is not None:
            return  # what follows the records that were given up must not be acknowledged
        if not self.busy:
            self._moves()
        if tp.partition in self._waiting:
            self._waiting[tp.partition] += records
        else:
            self._waiting[tp.partition] = records
        self._set_count(self._count + len(records))
        self._ready.set()

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._count) or bool(self._flying)

    async def run(self) -> None:
        """Carry batches for ever."""
        try:
            while self.stopped is None:
                self._ready.clear()
                if len(self._flying) < self._flights_most and (batch := self._next()):
                    self._fly(batch)
                else:
                    await self._ready.wait()
            if self._flying:
                await asyncio.wait(set(self._flying))
        except asyncio.CancelledError:
            for flying in self._flying:
                flying.cancel()
            raise

    def _fly(self, batch: list[Run]) -> None:
        flying = asyncio.ensure_future(self._carry_guarded(batch))
        self._flying[flying] = frozenset(part.tp.partition for part, _ in batch)
        flying.add_done_callback(self._landed)

    def _landed(self, flying: asyncio.Task[None]) -> None:
        del self._flying[flying]
        self._ready.set()

    def _next(self) -> list[Run]:
        """Take up to `take` records, whole runs of a few partitions in turn that none flies of."""
        batch: list[Run] = []
        size, waiting, take = 0, self._waiting, self._most
        free = waiting.keys() - frozenset().union(*self._flying.values())
        share = max(RUN, take // max(1, min(4, len(free))))
        for number in [number for number in waiting if number in free]:
            records, n = waiting.pop(number), min(share, take - size)
            if len(records) > n:
                waiting[number] = records[n:]  # to the end of the line
                del records[n:]
            size += len(records)
            batch.append((self.partitions[number], records))
            if size >= take:
                break
        self._set_count(self._count - size)
        return batch

    def _set_count(self, count: int) -> None:
        self._count = count
        if not count:
            self._waiting.clear()
        if count >= self.room:
            self._full = True
        elif self._full and count <= self.room // 2:
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
            await self.tried(lambda: self._attempt(batch))
        except StageStopped:
            raise
        except BadRecord as error:
            await self._apart(batch, error, 1)
        except Exception as error:
            await self._apart(batch, error, TRIES)

    async def _apart(self, batch: list[Run], error: Exception, attempts: int) -> None:
        records = [(part, record) for part, run in batch for record in run]
        if len(records) > 1:
            for part, record in records:
                await self._carry([(part, [record])])
            return
        part, record = records[0]
        if not isinstance(error, BadRecord):
            self.charge_bug()
        name = error.error if isinstance(error, BadRecord) else type(error).__name__
        group = self.group_of(part, record)
        result = self.dead(record, name, str(error), attempts, group)
        await self.insist(lambda: self._finish(batch, [(group, result)]))

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
                else self._settled(record, item, next(handled))
                for record, item in zip(records, every, strict=True)
            ],
        )

    def _fit(self, size: int, seconds: float) -> None:
        """Make the next batch one that takes about as long as it may."""
        # A small batch that took long was in line behind a large one.
        if seconds > BATCH_S and size >= self._most // 2:
            self._most = max(RUN, min(self._most, int(size * BATCH_S / seconds)))
        elif seconds < BATCH_S / 2 and size >= self._most:
            self._most = min(self.take, 2 * self._most)

    def _settled(self, record: Any, item: Item[Any], result: Result) -> tuple[str, Result]:
        group = self.plan.group(item.value)
        if result.dead is None:
            return group, result
        dead = self.dead(record, "BadRecord", result.dead, 1, group)
        return group, Result(dead.outputs, result.counts or dead.counts)

    async def _finish(self, batch: list[Run], done: list[tuple[str, Result]]) -> None:
        """Send outputs and accounts, await the broker, then remember and acknowledge."""
        outputs: list[Output] = []
        books: list[Book] = []
        finished = iter(done)
        for part, run in batch:
            assert part.book is not None
            book = part.book.next_page()
            counts: list[Count] = []
            for record, (group, result) in zip(run, finished, strict=False):
                outputs += result.outputs
                if record.offset > book.offset:
                    counts += self.counts(group, result)
            book.add(run[-1].offset, counts)
            outputs.append(book.output(self.links.stats_topic))
            books.append(book)
        await self.links.produce(outputs)
        finished = iter(done)
        now = monotonic()
        for (part, run), book in zip(batch, books, strict=True):
            part.book = book
            for _ in run:
                what = next(finished)[1].remember
                if what is not None and part.state is not None:
                    part.state.remember(what)
            if part.live:
                self.acked[part.tp] = run[-1].offset + 1
                self._seen[part.tp] = now
        self.finished += len(done)
        self._moves()

    async def _drain(self) -> None:
        self._set_count(0)
        if flying := set(self._flying):
            _, late = await asyncio.wait(flying, timeout=GRACE_S)
            for one in late:
                one.cancel()
            if late:
                await asyncio.wait(late, timeout=1)

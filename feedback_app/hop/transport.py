"""Faust's Kafka transport, whose consumer hands whole batches of a stage's topic to that stage.

The private names of Faust that are touched are under contract tests: here `Consumer._getmany`,
`_commit` and `_new_consumer_thread`, its thread's `_consumer`, and `Producer._ensure_producer`;
`Recovery._wait` in `recovery`. Of aiokafka it is the consumer's `_coordinator` and `_client`.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from time import monotonic
from typing import Any, Protocol

import aiokafka
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP

from feedback_app.hop.leaving import stop_and_leave

POLL_S = 0.02
"""How long a full stage may hold up the first record of an idle one."""
LONGEST_POLL_S = 0.2
"""How long a stage that has been full for a while may wait, half empty, for more."""
LEAVE_S = 10.0
"""How long a worker that ends waits for its leave."""


class StageLike(Protocol):
    """What the consumer needs of a stage."""

    acked: dict[TP, int]

    def accepts(self, tp: TP) -> bool:
        """Whether records of this partition are wanted now."""

    def put(self, tp: TP, records: list[Any]) -> None:
        """Take in records of one partition, in offset order."""

    def assign(self, tps: set[TP], generation: int) -> None:
        """Start on exactly these partitions; returns at once."""

    async def drain(self) -> None:
        """End what is in flight within a bound and drop the rest."""


class LeavingThread(driver.AIOKafkaConsumerThread):
    """Faust's thread around aiokafka's consumer, which leaves its group in every case."""

    async def leave(self) -> None:
        """Leave the group and read nothing more; runs in this thread."""
        if self._consumer is not None:
            await stop_and_leave(self._consumer)

    async def on_thread_stop(self) -> None:
        await self.leave()
        await super().on_thread_stop()


class StageConsumer(driver.Consumer):
    """Faust's consumer; records of stage topics go to their stages, the rest goes Faust's way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        transport: StageTransport = self.transport  # type: ignore[assignment]
        self.stages: Mapping[str, StageLike] = transport.stages
        self.capacity = transport.capacity
        self.fetched_at = self._all_wanted_at = monotonic()
        self.begun: dict[TP, int] = {}
        """The commits that this worker went on from."""
        self._done: dict[TP, int] = {}
        self._committing = asyncio.Lock()

    def _new_consumer_thread(self) -> LeavingThread:
        return LeavingThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def is_member(self) -> bool:
        """Whether the group still knows this worker by its present generation, as far as it heard.

        aiokafka hears of it first, and Faust only once it has found the coordinator again; another
        worker may own the partitions by then.
        """
        if (consumer := self._thread._consumer) is None:
            return False  # it has not joined yet, or has left
        return bool(consumer._coordinator.generation == self.app.consumer_generation_id)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        if active_partitions is None:
            return await super()._getmany(active_partitions, timeout)
        generation = self.app.consumer_generation_id
        wanted = {
            tp
            for tp in active_partitions
            if (stage := self.stages.get(tp.topic)) is None or stage.accepts(tp)
        }
        records: Any
        if len(wanted) == len(active_partitions):
            records = await super()._getmany(wanted, timeout)
            self._all_wanted_at = monotonic()
        else:
            records = await self._getmany_beside_full(wanted, timeout)
        self.fetched_at = monotonic()
        mine = [tp for tp in records if tp.topic in self.stages]
        current = generation == self.app.consumer_generation_id
        for tp in mine:
            batch = records.pop(tp)
            if self.flow_active and current:
                self.stages[tp.topic].put(tp, batch)
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        if mine and self.flow_active and not current:
            # Fetched across a rebalance: nothing of this generation is under way, so read again.
            with contextlib.suppress(IllegalStateError):  # the next rebalance, which seeks itself
                await self.perform_seek()
        return records

    async def _getmany_beside_full(self, wanted: set[TP], timeout: float) -> Any:
        self.capacity.clear()
        if wanted and (full := monotonic() - self._all_wanted_at) > POLL_S:
            # A slow stage. As long again as it has been full: it still has work for longer.
            return await super()._getmany(wanted, min(full, timeout, LONGEST_POLL_S))
        # An empty set would mean all partitions.
        records = await super()._getmany(wanted, 0) if wanted else {}
        if not records:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.capacity.wait(), POLL_S if wanted else timeout)
        return records

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        did = bool(await super().commit(topics, start_new_transaction=start_new_transaction))
        async with self._committing:
            mine = self.assignment()
            offsets = {
                tp: offset
                for stage in self.stages.values()
                for tp, offset in stage.acked.items()
                if tp in mine and offset > self._done.get(tp, -1)
            }
            if offsets and await self._commit(offsets):
                self._done.update(offsets)
                self.app.monitor.on_tp_commit(offsets)
                did = True
        return did

    async def seek_to_committed(self) -> Mapping[TP, int]:
        found = await super().seek_to_committed()
        self.begun.update({tp: offset or 0 for tp, offset in found.items()})
        for tp, offset in found.items():
            if not offset:
                # aiokafka leaves it where it is: past what was fetched across a rebalance.
                await self._seek(tp, 0)
        return found

    async def leave(self) -> None:
        """Give the partitions back at once, while the rest of the worker still ends."""
        thread = self._thread
        if not isinstance(thread, LeavingThread) or thread.thread_loop.is_closed():
            return  # after a crash of it there is nothing left to leave
        if thread._consumer is not None:
            leaving = asyncio.run_coroutine_threadsafe(thread.leave(), thread.thread_loop)
            await asyncio.wait({asyncio.wrap_future(leaving)}, timeout=LEAVE_S)

    async def drain(self) -> None:
        """End what is in flight, commit what is acknowledged, forget the rest."""
        stages = list(self.stages.values())
        await asyncio.gather(*(stage.drain() for stage in stages))
        if any(stage.acked for stage in stages):
            await self.commit()
        for stage in stages:
            stage.acked.clear()
        self._done.clear()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        if revoked:
            self.stop_flow()  # Faust does it later, and resumes after the new assignment
            await self.drain()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        for topic, stage in self.stages.items():
            stage.assign({tp for tp in assigned if tp.topic == topic}, generation_id)
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_empty(self) -> None:
        # On SIGTERM, with the flow stopped already, and again inside a rebalance.
        await self.drain()
        await super().wait_empty()


class StageProducer(driver.Producer):
    """Faust's producer, with the aiokafka producer inside it for batches."""

    @property
    def aiokafka(self) -> aiokafka.AIOKafkaProducer:
        """The app's own aiokafka producer."""
        return self._ensure_producer()


class StageTransport(driver.Transport):
    """The transport of an app with stages."""

    Consumer = StageConsumer
    Producer = StageProducer
    stages: Mapping[str, StageLike]
    capacity: asyncio.Event

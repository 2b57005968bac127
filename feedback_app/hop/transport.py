"""Faust's Kafka transport, with a consumer that gives whole fetches of a topic to its stage.

Contract tests cover the private names in use. Of Faust: `Consumer._getmany`, `_commit` and
`_new_consumer_thread`, its thread's `_consumer`, `Producer._ensure_producer`, and in `recovery`
`Recovery._wait`. Of aiokafka: the consumer's `_coordinator` and `_client`.
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
"""How long a full stage may delay the first record of an idle one."""
LONGEST_POLL_S = 0.2
"""How long a stage that was full for a while may wait for records once it is half empty."""
LEAVE_TIMEOUT_S = 10.0
"""How long a worker that ends waits until it has left the group."""


class StageLike(Protocol):
    """The part of a stage that the consumer uses."""

    acked: dict[TP, int]

    def accepts(self, tp: TP) -> bool:
        """Whether the stage takes records of this partition now."""

    def submit(self, tp: TP, records: list[Any]) -> None:
        """Queue records of one partition, in offset order."""

    def assign(self, tps: set[TP], generation: int) -> None:
        """Start on exactly these partitions, without waiting for their state."""

    async def drain(self) -> None:
        """Finish what is in flight within a bound and drop the rest."""


class LeavingThread(driver.AIOKafkaConsumerThread):
    """Faust's thread around aiokafka's consumer; it always leaves the group when it stops."""

    async def leave(self) -> None:
        """Stop reading and leave the group; runs in this thread."""
        if self._consumer is not None:
            await stop_and_leave(self._consumer)

    async def on_thread_stop(self) -> None:
        await self.leave()
        await super().on_thread_stop()


class StageConsumer(driver.Consumer):
    """Faust's consumer, which gives records of stage topics to their stages, others to Faust."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        transport: StageTransport = self.transport  # type: ignore[assignment]
        self.stages: Mapping[str, StageLike] = transport.stages
        self.capacity_freed = transport.capacity_freed
        self.fetched_at = self._all_wanted_at = monotonic()
        self.start_offsets: dict[TP, int] = {}
        """The committed offsets from which this worker continued."""
        self._committed: dict[TP, int] = {}
        self._committing = asyncio.Lock()

    def _new_consumer_thread(self) -> LeavingThread:
        return LeavingThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def is_member(self) -> bool:
        """Whether this worker is in the group's present generation, as far as aiokafka knows.

        aiokafka learns first that the group has dropped it. Faust learns it only once it has found
        the coordinator again, when another worker may own the partitions already.
        """
        if (consumer := self._thread._consumer) is None:
            return False  # not joined yet, or left
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
        staged = [tp for tp in records if tp.topic in self.stages]
        current = generation == self.app.consumer_generation_id
        for tp in staged:
            batch = records.pop(tp)
            if self.flow_active and current:
                self.stages[tp.topic].submit(tp, batch)
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        if staged and self.flow_active and not current:
            # Fetched across a rebalance: nothing of this generation is in flight, so read again.
            with contextlib.suppress(IllegalStateError):  # the next rebalance will seek
                await self.perform_seek()
        return records

    async def _getmany_beside_full(self, wanted: set[TP], timeout: float) -> Any:
        self.capacity_freed.clear()
        if wanted and (full := monotonic() - self._all_wanted_at) > POLL_S:
            # A slow stage: wait as long again as it has been full, as it has work for longer.
            return await super()._getmany(wanted, min(full, timeout, LONGEST_POLL_S))
        # For aiokafka an empty set means all partitions.
        records = await super()._getmany(wanted, 0) if wanted else {}
        if not records:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.capacity_freed.wait(), POLL_S if wanted else timeout)
        return records

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        did = bool(await super().commit(topics, start_new_transaction=start_new_transaction))
        async with self._committing:
            assignment = self.assignment()
            offsets = {
                tp: offset
                for stage in self.stages.values()
                for tp, offset in stage.acked.items()
                if tp in assignment and offset > self._committed.get(tp, -1)
            }
            if offsets and await self._commit(offsets):
                self._committed.update(offsets)
                self.app.monitor.on_tp_commit(offsets)
                did = True
        return did

    async def seek_to_committed(self) -> Mapping[TP, int]:
        found = await super().seek_to_committed()
        self.start_offsets.update({tp: offset or 0 for tp, offset in found.items()})
        for tp, offset in found.items():
            if not offset:
                # aiokafka does not seek it: it would stay past what it fetched before.
                await self._seek(tp, 0)
        return found

    async def leave(self) -> None:
        """Leave the group at once, while the rest of the worker is still stopping."""
        thread = self._thread
        if not isinstance(thread, LeavingThread) or thread.thread_loop.is_closed():
            return  # it crashed: there is no member left
        if thread._consumer is not None:
            leaving = asyncio.run_coroutine_threadsafe(thread.leave(), thread.thread_loop)
            await asyncio.wait({asyncio.wrap_future(leaving)}, timeout=LEAVE_TIMEOUT_S)

    async def drain(self) -> None:
        """Finish what is in flight, commit what is acknowledged, forget the rest."""
        stages = list(self.stages.values())
        await asyncio.gather(*(stage.drain() for stage in stages))
        if any(stage.acked for stage in stages):
            await self.commit()
        for stage in stages:
            stage.acked.clear()
        self._committed.clear()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        if revoked:
            self.stop_flow()  # Faust would only later; it resumes after the assignment
            await self.drain()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        for topic, stage in self.stages.items():
            stage.assign({tp for tp in assigned if tp.topic == topic}, generation_id)
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_empty(self) -> None:
        # Called on SIGTERM, when the flow is already stopped, and during a rebalance.
        await self.drain()
        await super().wait_empty()


class StageProducer(driver.Producer):
    """Faust's producer, which gives access to its aiokafka producer for batches."""

    @property
    def aiokafka(self) -> aiokafka.AIOKafkaProducer:
        """The app's own aiokafka producer."""
        return self._ensure_producer()


class StageTransport(driver.Transport):
    """The transport of an app with stages."""

    Consumer = StageConsumer
    Producer = StageProducer
    stages: Mapping[str, StageLike]
    capacity_freed: asyncio.Event

"""The outbox: each alert reaches its channel once, whichever process dies in between.

    intent ─► broker has it ─► guard ─► one attempt ─► `posted` ─► broker has it ─► acknowledge

`step` says what comes next for a record; this carries it out, one alert at a time in a channel.
An open intent is uncertain, whoever wrote it: `reconcile` finds out what became of it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from feedback_app.alerting import delivery_records as records
from feedback_app.alerting.batching import chosen, of_change, of_intents
from feedback_app.alerting.channel_queue import ChannelQueue, Entry
from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outcome import Done, Refused
from feedback_app.alerting.ownership import Ownership
from feedback_app.alerting.pacing import Pacer
from feedback_app.alerting.reconcile import SWEEP_AFTER_S, Reconciler
from feedback_app.alerting.sending import GuardedSender
from feedback_app.alerting.step import Step, counted, decide, pending
from feedback_app.alerting.writer import DeliveryWriter
from feedback_app.hop import Count, Item, Result, TransientError
from models import Alert, Delivery, from_rfc3339
from models.alert import PUT
from models.delivery import CLAIMED, DEAD, POSTED

ENDS = (Step.NOTHING, Step.REPEAT)
LOOK_AGAIN_S = 5.0
"""How often a channel is looked up whose id is unknown."""


class Outbox:
    """Carries out alert records; `deliver` is the handler of one record."""

    def __init__(self, context: OutboxContext) -> None:
        self._context = context
        self._ownership = Ownership(context)
        self._writer = DeliveryWriter(context)
        self._reconciler = Reconciler(context, self._ownership, self._writer)
        self._queues: dict[str, ChannelQueue] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sender = GuardedSender(
            context, self._ownership, self._writer, self._reconciler, self._start
        )
        self._ticking: asyncio.Task[None] | None = None
        self._steps: dict[
            Step, Callable[[ChannelQueue, Entry, Delivery | None], Coroutine[Any, Any, None]]
        ] = {
            Step.POST: self._post,
            Step.RESOLVE: self._resolve,
            Step.UPDATE: self._change,
            Step.WITHDRAW: self._change,
        }

    async def deliver(self, item: Item[Alert]) -> Result:
        """Return once the alert record is carried out; if cancelled, the next owner continues.

        `item.state` is the partition's DeliveryState, `item.in_flight` true during a request.
        Raises BadRecord where its channel is of no receiver.
        """
        if self._ticking is None:
            self._ownership.begin()
            self._ticking = self._start(self._ownership.tick())
        alert = item.value
        queue = self._queue_with(alert)
        if queue is None:
            # A record that needs nothing more needs no receiver.
            if (done := self._ended(self._queues.get(alert.queue), item)) is not None:
                return done
            queue = self._queue(alert.queue)
        entry = queue.join(item)
        try:
            await entry.turn
            while entry.result is None:
                await self._ownership.wait(item.partition)
                entry.result = self._ended(queue, item)
                if entry.result is None:
                    record = item.state.get(item.value.id)
                    await self._steps[self._step(item)](queue, entry, record)
            return entry.result
        finally:
            item.in_flight = False
            queue.leave(entry)
            if not len(queue):
                self._sender.show(queue, None)

    def pending(self, item: Item[Alert]) -> Sequence[Count]:
        """Return what an alert record counts as that was read and is not carried out yet."""
        record = item.state.get(item.value.id)
        return pending(item.value, item.offset, record, item.value.queue)

    async def close(self) -> None:
        """Cancel what runs in the background; the intent of a post in flight stays open."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ticking = None

    def _step(self, item: Item[Alert]) -> Step:
        return decide(item.value, item.offset, item.state.get(item.value.id))

    def _ended(self, queue: ChannelQueue | None, item: Item[Alert]) -> Result | None:
        """Return the result of a record that needs nothing more, else None."""
        step, record = self._step(item), item.state.get(item.value.id)
        if step not in ENDS:
            return None
        result = Result()
        if step is Step.REPEAT and record is not None:
            result.counts = counted(record, item.offset, item.value.queue)
            if record.status == DEAD and record.offset == item.offset:
                result.outputs = [self._writer.output(item.partition, record)]
                result.dead = record.reason
        if queue is not None and queue.repaired:
            repaired, queue.repaired = queue.repaired, 0
            result.counts = [*result.counts, *[(queue.name, "duplicates_repaired")] * repaired]
        return result

    async def _post(self, queue: ChannelQueue, entry: Entry, record: Delivery | None) -> None:
        """Post an alert that has no message, in a digest if many wait or it is old."""
        channel = await self._channel(queue, entry)
        await asyncio.sleep(0)  # records read with it line up first
        await queue.pacer.wait()
        if self._step(entry.item) is not Step.POST:
            return  # its state changed during the waits
        settings, now = self._context.settings, self._context.clock.time()
        batch = chosen(
            entry,
            queue.waiting(),
            channel,
            self._context.receivers.of(channel),
            above=settings.alert_digest_above,
            max_age=settings.alert_max_age.total_seconds(),
            now=now,
        )
        others = batch.entries[1:]
        queue.detach(others)
        try:
            await self._sender.record_intent_and_send(queue, entry.item.state, batch)
            for other in others:
                if (result := self._ended(queue, other.item)) is not None:
                    queue.finish(other, result)
        finally:
            queue.reattach(others)

    async def _resolve(self, queue: ChannelQueue, entry: Entry, record: Delivery | None) -> None:
        """Find out what became of an intent: record the message, or post again."""
        assert record is not None
        state: DeliveryState = entry.item.state
        lookup = record.lookup or record.id
        together = state.under(lookup) or [record]
        intents = [one for one in together if one.status == CLAIMED]
        ts = next((one.ts for one in together if one.status == POSTED), None)
        parked = False
        if ts is None and entry.not_found != state.intent_acknowledged_at(record.id):
            parked = queue.park(entry, frozenset(one.id for one in together))
            ts = await self._reconcile(queue, record, state)
            entry.not_found = None if ts else state.intent_acknowledged_at(record.id)
        now, renderer = self._context.clock.time(), self._context.receivers.of(record.channel)
        if ts is not None:
            await self._writer.write(state, [records.posted(one, ts, now) for one in intents])
        if parked:
            if self._step(entry.item) not in ENDS:
                queue.unpark(entry)
                await entry.turn
        elif ts is not None:
            return
        elif lookup == record.id and entry.item.value.op != PUT:
            withdrawn = records.retracted(record, entry.item, now, renderer)
            await self._writer.write(state, [withdrawn])
        else:
            await queue.pacer.wait()
            channel = record.channel
            batch = of_intents(entry, channel, lookup, intents, together, now, renderer)
            await self._sender.record_intent_and_send(queue, state, batch)

    async def _channel(self, queue: ChannelQueue, entry: Entry) -> str:
        """Return the id of an alert's channel; while it is unknown only this queue waits."""
        while True:
            try:
                return await self._context.channel_id(entry.item.value.channel)
            except TransientError as error:
                self._sender.unknown(queue, str(error))
            await self._context.clock.sleep(LOOK_AGAIN_S)

    async def _reconcile(
        self, queue: ChannelQueue, record: Delivery, state: DeliveryState
    ) -> str | None:
        """Return the ts of an intended message, or None; and sweep the channel a minute later."""
        # It was written before it was read, even if the clock of its writer is ahead.
        acknowledged = min(state.intent_acknowledged_at(record.id), self._context.clock.time())
        since = min(acknowledged, _seconds(record.claimed_at, acknowledged))
        lookup = record.lookup or record.id
        ts = await self._reconciler.find(queue, record.channel, lookup, acknowledged, since)
        self._start(
            self._reconciler.sweep_duplicates(queue, record.channel, state, since, SWEEP_AFTER_S)
        )
        if ts is not None:
            self._sender.succeeded(queue)
        return ts

    async def _change(self, queue: ChannelQueue, entry: Entry, record: Delivery | None) -> None:
        """Update a message, or replace it by a note."""
        assert record is not None
        item, state, clock = entry.item, entry.item.state, self._context.clock
        receiver = self._context.receivers.of(record.channel)
        follow = records.put if item.value.op == PUT else records.retracted
        if record.ts is None:
            await self._writer.write(state, [follow(record, item, clock.time(), receiver)])
            return
        await queue.pacer.wait()
        after = follow(record, item, clock.time(), receiver)
        message = of_change(after, item.value, state.under(after.lookup or after.id), receiver)
        if not self._ownership.may_act(item.partition):
            return
        item.in_flight = True
        outcome = await receiver.update(record.channel, record.ts, message)
        # Of a message that somebody deleted there is nothing left to change.
        if isinstance(outcome, Done) or (isinstance(outcome, Refused) and outcome.gone):
            self._sender.succeeded(queue)
            await self._writer.write(state, [after])
        elif isinstance(outcome, Refused):
            self._sender.refused(queue, state, [after], outcome)
        else:
            self._sender.failed(queue, outcome)
        item.in_flight = False

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _queue_with(self, alert: Alert) -> ChannelQueue | None:
        """Return the queue that an alert is waiting in, None if it waits in none."""
        # Alerts of earlier versions carry no name: edits would overtake them in another queue.
        return next((one for one in self._queues.values() if one.busy_with(alert.id)), None)

    def _queue(self, name: str) -> ChannelQueue:
        """Return the queue of a channel, by its name as configured: its id may come later."""
        queue = self._queues.get(name)
        if queue is None:
            context = self._context
            receiver = context.receivers.of(name)
            pace = context.receivers.posts_per_second(name)
            pacer = Pacer(pace, context.clock, context.uniform)
            queue = self._queues[name] = ChannelQueue(name, pacer, receiver)
        return queue


def _seconds(time: str | None, default: float) -> float:
    try:
        return default if time is None else from_rfc3339(time)
    except ValueError:
        return default

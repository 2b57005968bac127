"""The outbox: each alert reaches Slack once, whoever dies in between.

    claim ─► broker says yes ─► guard ─► one attempt ─► `posted` ─► broker says yes ─► acknowledge

`step` says what comes next for a record; this carries it out, one alert at a time a channel.
A claim that stands is uncertain, whoever made it: `lookup` finds out what became of it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from feedback_app.alerting import records
from feedback_app.alerting.batching import chosen, of_claims
from feedback_app.alerting.channel_queue import ChannelQueue, Entry
from feedback_app.alerting.context import Context
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.message import Message, digest, single, withdrawn
from feedback_app.alerting.ownership import Ownership
from feedback_app.alerting.pacing import Pacer
from feedback_app.alerting.reconcile import SWEEP_AFTER_S, Reconciler
from feedback_app.alerting.sending import Sender
from feedback_app.alerting.step import Step, counted, decide, pending
from feedback_app.alerting.writer import Writer
from feedback_app.hop import Count, Item, Result, TransientError
from feedback_app.slack.outcome import Done, Refused
from models import Alert, Delivery, from_rfc3339
from models.alert import PUT
from models.delivery import CLAIMED, DEAD, POSTED

ENDS = (Step.NOTHING, Step.REPEAT)
LOOK_AGAIN_S = 5.0
"""How often Slack is asked for a channel that it does not know."""
GONE = "message_not_found"
"""Slack's word for a message that somebody deleted: there is nothing left to change."""


class Outbox:
    """Carries out alert records; `deliver` is the handler of one record."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ownership = Ownership(context)
        self._writer = Writer(context)
        self._reconciler = Reconciler(context, self._ownership, self._writer)
        self._queues: dict[str, ChannelQueue] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sender = Sender(context, self._ownership, self._writer, self._reconciler, self._start)
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
        """Return once the alert record is carried out; cancelled, it is left for whoever is next.

        `item.state` is the partition's DeliveryState, `item.in_flight` true while Slack is asked.
        """
        if self._ticking is None:
            self._ownership.begin()
            self._ticking = self._start(self._ownership.tick())
        queue = self._queue_of(item.value)
        if not queue.busy_with(item.value.id) and (done := self._ended(queue, item)) is not None:
            return done
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
        """Return what an alert record counts as that is read and not carried out."""
        record = item.state.get(item.value.id)
        return pending(item.value, item.offset, record, item.value.queue)

    async def close(self) -> None:
        """End what runs in the background; a post under way stays claimed."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ticking = None

    def _step(self, item: Item[Alert]) -> Step:
        return decide(item.value, item.offset, item.state.get(item.value.id))

    def _ended(self, queue: ChannelQueue, item: Item[Alert]) -> Result | None:
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
        if queue.repaired:
            repaired, queue.repaired = queue.repaired, 0
            result.counts = [*result.counts, *[(queue.name, "duplicates_repaired")] * repaired]
        return result

    async def _post(self, queue: ChannelQueue, entry: Entry, record: Delivery | None) -> None:
        """Post an alert that has no message, in a digest where many wait or it is old."""
        channel = await self._channel(queue, entry)
        await asyncio.sleep(0)  # what was read with it lines up first
        await queue.pacer.wait()
        if self._step(entry.item) is not Step.POST:
            return  # what was known of it changed during the waits
        settings, now = self._context.settings, self._context.clock.time()
        batch = chosen(
            entry,
            queue.waiting(),
            channel,
            above=settings.alert_digest_above,
            max_age=settings.alert_max_age.total_seconds(),
            now=now,
        )
        others = batch.entries[1:]
        queue.take(others)
        try:
            await self._sender.record_intent_and_send(queue, entry.item.state, batch)
            for other in others:
                if (result := self._ended(queue, other.item)) is not None:
                    queue.finish(other, result)
        finally:
            queue.give_back(others)

    async def _resolve(self, queue: ChannelQueue, entry: Entry, record: Delivery | None) -> None:
        """Find out what became of a claim: record the message, or claim and post again."""
        assert record is not None
        state: DeliveryState = entry.item.state
        lookup = record.lookup or record.id
        together = state.under(lookup) or [record]
        intents = [one for one in together if one.status == CLAIMED]
        ts = next((one.ts for one in together if one.status == POSTED), None)
        parked = False
        if ts is None and entry.not_found != state.claimed_at(record.id):
            parked = queue.park(entry, frozenset(one.id for one in together))
            ts = await self._reconcile(queue, record, state)
            entry.not_found = None if ts else state.claimed_at(record.id)
        now = self._context.clock.time()
        if ts is not None:
            await self._writer.write(state, [records.posted(one, ts, now) for one in intents])
        if parked:
            if self._step(entry.item) not in ENDS:
                queue.unpark(entry)
                await entry.turn
        elif ts is not None:
            return
        elif lookup == record.id and entry.item.value.op != PUT:
            await self._writer.write(state, [records.retracted(record, entry.item, now)])
        else:
            await queue.pacer.wait()
            batch = of_claims(entry, record.channel, lookup, intents, together, now)
            await self._sender.record_intent_and_send(queue, state, batch)

    async def _channel(self, queue: ChannelQueue, entry: Entry) -> str:
        """Return the id of an alert's channel; until Slack knows it, only this queue waits."""
        while True:
            try:
                return await self._context.channel_id(entry.item.value.channel)
            except TransientError as fault:
                self._sender.unknown(queue, str(fault))
            await self._context.clock.sleep(LOOK_AGAIN_S)

    async def _reconcile(
        self, queue: ChannelQueue, record: Delivery, state: DeliveryState
    ) -> str | None:
        """Return the ts of a claimed message, or None; and look once more a minute later."""
        # It was made before it was read, also where the clock of who made it is ahead.
        claimed = min(state.claimed_at(record.id), self._context.clock.time())
        since = min(claimed, _seconds(record.claimed_at, claimed))
        lookup = record.lookup or record.id
        ts = await self._reconciler.find(queue, record.channel, lookup, claimed, since)
        self._start(
            self._reconciler.sweep_duplicates(queue, record.channel, state, since, SWEEP_AFTER_S)
        )
        if ts is not None:
            self._sender.succeeded(queue)
        return ts

    async def _change(self, queue: ChannelQueue, entry: Entry, record: Delivery | None) -> None:
        """Bring a message up to date, or put a note in its place."""
        assert record is not None
        item, state = entry.item, entry.item.state
        carry = records.put if item.value.op == PUT else records.retracted
        if record.ts is None:
            await self._writer.write(state, [carry(record, item, self._context.clock.time())])
            return
        await queue.pacer.wait()
        after = carry(record, item, self._context.clock.time())
        message = _changed_message(after, item.value, state)
        if not self._ownership.may_act(item.partition):
            return
        item.in_flight = True
        outcome = await self._context.slack.update(record.channel, record.ts, message)
        if isinstance(outcome, Done) or (isinstance(outcome, Refused) and outcome.error == GONE):
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

    def _queue_of(self, alert: Alert) -> ChannelQueue:
        """Return the queue that an alert is under way in, else that of its channel."""
        # Alerts of earlier versions bear no name: their edits would overtake them in another queue.
        for queue in self._queues.values():
            if queue.busy_with(alert.id):
                return queue
        return self._queue(alert.queue)

    def _queue(self, name: str) -> ChannelQueue:
        """Return the queue of a channel, by its name as configured: its id may come later."""
        queue = self._queues.get(name)
        if queue is None:
            pacer = Pacer(self._context.settings.slack_posts_per_second, self._context.clock)
            queue = self._queues[name] = ChannelQueue(name, pacer)
        return queue


def _changed_message(after: Delivery, alert: Alert, state: DeliveryState) -> Message:
    """Return the message with one alert changed: a single one, or the digest that it stands in."""
    if after.lookup is None or after.lookup == after.id:
        return single(alert) if after.status == POSTED else withdrawn(alert)
    lines = [
        (one.id, (after.line if one.id == after.id else one.line) or "")
        for one in state.under(after.lookup)
    ]
    return digest(after.lookup, after.revision, lines)


def _seconds(time: str | None, default: float) -> float:
    try:
        return default if time is None else from_rfc3339(time)
    except ValueError:
        return default

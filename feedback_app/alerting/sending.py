"""Sends one message, with its intent written before it and its result after it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from feedback_app.alerting import delivery_records as records
from feedback_app.alerting.batching import Batch
from feedback_app.alerting.channel_queue import ChannelQueue
from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outcome import Done, NotDone, Outcome, Refused, described, retry_after
from feedback_app.alerting.ownership import Ownership
from feedback_app.alerting.reconcile import Reconciler
from feedback_app.alerting.writer import DeliveryWriter
from models import Delivery

UNKNOWN = "unknown channel"
"""What a channel without an id is notified as, beside the receiver's own words for errors."""

Start = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
"""Starts a task in the background and keeps hold of it."""


class GuardedSender:
    """Writes the intent, attempts, records the result; notes the outcome for the channel."""

    def __init__(
        self,
        context: OutboxContext,
        ownership: Ownership,
        writer: DeliveryWriter,
        reconciler: Reconciler,
        start: Start,
    ) -> None:
        self._context, self._ownership, self._writer = context, ownership, writer
        self._reconciler, self._start = reconciler, start

    async def record_intent_and_send(
        self, queue: ChannelQueue, state: DeliveryState, batch: Batch
    ) -> None:
        """Attempt until the batch is posted, refused, or uncertain with its intent open."""
        while True:
            await self._ownership.wait(state.partition)
            self._reconciler.note_takeover(state)
            await self._writer.write(state, batch.intents)
            acknowledged = self._context.clock.monotonic()
            outcome = await self._attempt(state, batch, acknowledged)
            if isinstance(outcome, Done):
                self.succeeded(queue)
                sweep = self._reconciler.after_takeover(queue, batch.channel, state)
                if sweep is not None:
                    self._start(sweep)
                return
            if isinstance(outcome, Refused):
                self.refused(queue, state, batch.intents, outcome)
                return
            if not isinstance(outcome, NotDone):
                if outcome is not None:
                    self.failed(queue, outcome)
                return
            self.failed(queue, outcome)
            await queue.pacer.wait()

    async def _attempt(
        self, state: DeliveryState, batch: Batch, acknowledged: float
    ) -> Outcome | None:
        """Post once; None where the guard withheld the request.

        If this is cancelled the request goes on, and if its response still arrives `posted` is
        still written.
        """
        cut = False
        task = self._start(self._request(state, batch, acknowledged, lambda: cut))
        for entry in batch.entries:
            entry.item.in_flight = True
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            cut = True
            raise
        finally:
            for entry in batch.entries:
                entry.item.in_flight = False

    async def _request(
        self, state: DeliveryState, batch: Batch, acknowledged: float, cut: Callable[[], bool]
    ) -> Outcome | None:
        def may_send() -> bool:
            return self._ownership.may_act(state.partition, acknowledged)

        channel = batch.channel
        if not may_send():
            return None
        outcome = await self._context.receivers.of(channel).post(channel, batch.message, may_send)
        if isinstance(outcome, Done):
            now = self._context.clock.time()
            done = [records.posted(one, outcome.ts, now) for one in batch.intents]
            await self._writer.write(state, done, cut)
        elif isinstance(outcome, NotDone) and not may_send():
            return None  # perhaps withheld when the connection stood: as uncertain as the guard
        return outcome

    def succeeded(self, queue: ChannelQueue) -> None:
        """Note that a request was carried out."""
        queue.pacer.answered()
        queue.notified.clear()
        self.show(queue, None)

    def failed(self, queue: ChannelQueue, outcome: Outcome) -> None:
        """Note a failure that can be retried."""
        queue.pacer.failed(retry_after(outcome))
        self.show(queue, described(outcome))

    def show(self, queue: ChannelQueue, why: str | None) -> None:
        """Report why a channel is blocked, or that it is not any more."""
        if why is not None or queue.shown:
            queue.shown = why is not None
            self._context.report_blocked(queue.dependency, why)

    def unknown(self, queue: ChannelQueue, why: str) -> None:
        """Note that a channel's alerts wait until its id is known."""
        self.show(queue, why)
        self._notify(queue, UNKNOWN, f"{queue.name} takes no alerts ({why}): they wait for it")

    def refused(
        self,
        queue: ChannelQueue,
        state: DeliveryState,
        refused: Sequence[Delivery],
        outcome: Refused,
    ) -> None:
        """Mark alerts as dead; the stage writes that together with their dead letters."""
        queue.pacer.answered()
        self.show(queue, None)
        now = self._context.clock.time()
        dead = [records.dead(one, one.offset, outcome.error, now) for one in refused]
        state.remember((dead, now))
        if outcome.whole_channel:
            self._notify(
                queue,
                outcome.error,
                f"{queue.name} takes no alerts ({queue.receiver.title} says {outcome.error}): "
                "they go to the dead letters until that is fixed",
            )

    def _notify(self, queue: ChannelQueue, error: str, text: str) -> None:
        if error not in queue.notified:
            queue.notified.add(error)
            self._context.notice(f"channel:{queue.name}", text)

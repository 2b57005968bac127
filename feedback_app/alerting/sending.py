"""Sends one message with its claim before it and its record after it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from feedback_app.alerting import records
from feedback_app.alerting.batching import Batch
from feedback_app.alerting.channel_queue import ChannelQueue
from feedback_app.alerting.context import Context
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.ownership import Ownership
from feedback_app.alerting.reconcile import Reconciler, described
from feedback_app.alerting.writer import Writer
from feedback_app.slack.outcome import Done, NotDone, Outcome, Refused
from models import Delivery

UNKNOWN = "channel_not_found"
"""Slack's word for a channel that is not there."""

Start = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
"""Starts a task in the background and keeps hold of it."""


class Sender:
    """Claims, guards, attempts and records; and notes what came of each request to a channel."""

    def __init__(
        self,
        context: Context,
        ownership: Ownership,
        writer: Writer,
        lookup: Reconciler,
        start: Start,
    ) -> None:
        self._context, self._ownership, self._writer = context, ownership, writer
        self._reconciler, self._start = lookup, start

    async def record_intent_and_send(
        self, queue: ChannelQueue, state: DeliveryState, batch: Batch
    ) -> None:
        """Claim and attempt until something is known: posted, refused, or claimed and uncertain."""
        while True:
            await self._ownership.wait(state.partition)
            self._reconciler.note_takeover(state)
            await self._writer.write(state, batch.intents)
            acknowledged = self._context.clock.monotonic()
            outcome = await self._attempt(state, batch, acknowledged)
            if isinstance(outcome, Done):
                self.succeeded(queue)
                if (
                    sweep_duplicates := self._reconciler.after_takeover(queue, batch.channel, state)
                ) is not None:
                    self._start(sweep_duplicates)
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
        """Post once; None where the guard held it back.

        Cut off by a cancellation, the request goes on, and where its answer still arrives it is
        still written as `posted`.
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

        slack, channel, message = self._context.slack, batch.channel, batch.message
        if not may_send():
            return None
        outcome = await slack.post(channel, message, may_send)
        if isinstance(outcome, Done):
            now = self._context.clock.time()
            done = [records.posted(one, outcome.ts, now) for one in batch.intents]
            await self._writer.write(state, done, cut)
        elif isinstance(outcome, NotDone) and not may_send():
            return None  # perhaps held back when the connection stood: as uncertain as the guard
        return outcome

    def succeeded(self, queue: ChannelQueue) -> None:
        """Note that a request was carried out."""
        queue.pacer.answered()
        queue.notified.clear()
        self.show(queue, None)

    def failed(self, queue: ChannelQueue, outcome: Outcome) -> None:
        """Note a failure that a later attempt can mend."""
        queue.pacer.failed(outcome.retry_after if isinstance(outcome, NotDone) else None)
        self.show(queue, described(outcome))

    def show(self, queue: ChannelQueue, why: str | None) -> None:
        """Show what a channel waits for, or that it waits no longer."""
        if why is not None or queue.shown:
            queue.shown = why is not None
            self._context.report_blocked(f"slack {queue.name}", why)

    def unknown(self, queue: ChannelQueue, why: str) -> None:
        """Note that a channel's alerts wait until Slack knows it."""
        self.show(queue, why)
        if UNKNOWN not in queue.notified:
            queue.notified.add(UNKNOWN)
            self._context.notice(
                f"channel:{queue.name}", f"{queue.name} takes no alerts ({why}): they wait for it"
            )

    def refused(
        self,
        queue: ChannelQueue,
        state: DeliveryState,
        refused: Sequence[Delivery],
        outcome: Refused,
    ) -> None:
        """Send alerts to the dead letters; they are written together with them, by the hop."""
        queue.pacer.answered()
        self.show(queue, None)
        now = self._context.clock.time()
        dead = [records.dead(one, one.offset, outcome.error, now) for one in refused]
        state.remember((dead, now))
        if outcome.whole_channel and outcome.error not in queue.notified:
            queue.notified.add(outcome.error)
            self._context.notice(
                f"channel:{queue.name}",
                f"{queue.name} takes no alerts (Slack says {outcome.error}): "
                "they go to the dead letters until that is mended",
            )

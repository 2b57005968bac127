"""Finds out whether an uncertain post stands in its channel, and removes duplicate messages."""

import logging
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from feedback_app.alerting.channel_queue import ChannelQueue
from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outcome import Done, Refused, described, retry_after
from feedback_app.alerting.ownership import Ownership
from feedback_app.alerting.pacing import receiver_backoff
from feedback_app.alerting.receivers.base import FindFailed, FoundMessage
from feedback_app.alerting.writer import DeliveryWriter
from models.delivery import POSTED

log = logging.getLogger(__name__)

EARLY_CHECKS_S = (2.0, 6.0)
"""Ages of an intent at which a check is worth it: finding counts, not finding means nothing."""
SURE_S = 15.0
"""From this age of the intent on, not finding the message counts."""
SURE_CHECKS = 2
BETWEEN_CHECKS_S = 5.0
MARGIN_S = 60.0
"""How long before the intent the history is read from."""
SWEEP_AFTER_S = 60.0
DELETE_TRIES = 8
ZOMBIE_S = 15.0
"""How long after a takeover the previous owner may still have a post in flight."""
BEFORE_TAKEOVER_S = 180.0
"""How long before a takeover a lost owner may have made a post."""


def seconds_until_check(age: float, sure_checks: int) -> float:
    """Return the seconds until the next check, by the intent's age and the checks that counted."""
    if sure_checks:
        return BETWEEN_CHECKS_S
    for at in EARLY_CHECKS_S:
        if age < at:
            return at - age
    return max(0.0, SURE_S - age)


def duplicates(
    messages: Sequence[FoundMessage], recorded: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Return (lookup, ts to keep, ts to delete) of what stands twice; `messages` oldest first.

    `recorded` is {lookup: ts on record}; where none of the messages is on record, the oldest stays.
    """
    by_lookup: dict[str, list[str]] = defaultdict(list)
    for message in messages:
        by_lookup[message.lookup].append(message.ts)
    found = []
    for lookup, stamps in by_lookup.items():
        keep = recorded.get(lookup)
        if keep not in stamps:
            keep = stamps[0]
        found += [(lookup, keep, ts) for ts in stamps if ts != keep]
    return found


class Reconciler:
    """Reads the histories of alert channels."""

    def __init__(
        self, context: OutboxContext, ownership: Ownership, writer: DeliveryWriter
    ) -> None:
        self._context, self._ownership, self._writer = context, ownership, writer
        self._taken_over: dict[int, float] = {}

    async def find(
        self, queue: ChannelQueue, channel: str, lookup: str, acknowledged: float, since: float
    ) -> str | None:
        """Return the ts of the message with this lookup id, or None once that is as good as sure.

        `acknowledged` is when the broker had the newest intent, `since` when the first was made
        (Unix seconds).
        """
        clock = self._context.clock
        sure_checks = 0
        while sure_checks < SURE_CHECKS:
            wait = seconds_until_check(clock.time() - acknowledged, sure_checks)
            if wait > 0:
                await clock.sleep(wait)
            sure = clock.time() - acknowledged >= SURE_S
            messages = await self._history(queue, channel, since - MARGIN_S)
            if messages is None:  # cannot be read at all
                await clock.sleep(max(0.0, SURE_S - (clock.time() - acknowledged)))
                return None
            for message in messages:
                if message.lookup == lookup:
                    return message.ts
            sure_checks += sure
        return None

    async def _history(
        self, queue: ChannelQueue, channel: str, since: float
    ) -> list[FoundMessage] | None:
        """Return our messages in a channel, None where they can never be read."""
        context, backoff = self._context, receiver_backoff(self._context.uniform)
        receiver = context.receivers.of(channel)
        try:
            while True:
                try:
                    return await receiver.find(channel, since)
                except FindFailed as error:
                    outcome = error.outcome
                if isinstance(outcome, Refused):
                    log.warning("%s: history cannot be read: %s", queue.name, outcome.error)
                    return None
                why = f"cannot read the history: {described(outcome)}"
                context.report_blocked(queue.dependency, why)
                await context.clock.sleep(backoff.next(retry_after(outcome)))
        finally:
            if backoff.failures:
                context.report_blocked(queue.dependency, None)

    def note_takeover(self, state: DeliveryState) -> None:
        """Remember when a partition was taken over, if it just was."""
        if state.take_over():
            self._taken_over[state.partition] = self._context.clock.monotonic()

    def after_takeover(
        self, queue: ChannelQueue, channel: str, state: DeliveryState
    ) -> Coroutine[Any, Any, None] | None:
        """Return the sweep of a channel that a post just after a takeover calls for, once each.

        An owner that lost the partition without knowing may have posted the same.
        """
        clock = self._context.clock
        began = self._taken_over.get(state.partition)
        if began is None or began == queue.swept_takeover:
            return None
        age = clock.monotonic() - began
        if age >= ZOMBIE_S:
            return None
        queue.swept_takeover = began
        since = clock.time() - age - BEFORE_TAKEOVER_S
        return self.sweep_duplicates(queue, channel, state, since, ZOMBIE_S - age + SWEEP_AFTER_S)

    async def sweep_duplicates(
        self, queue: ChannelQueue, channel: str, state: DeliveryState, since: float, after: float
    ) -> None:
        """Wait `after` seconds, then delete duplicates posted to a channel since a Unix time."""
        await self._context.clock.sleep(after)
        if not self._ownership.may_act(state.partition):
            return  # the present owner of the partition sweeps for itself
        messages = await self._history(queue, channel, since) or []
        recorded = {
            message.lookup: ts
            for message in messages
            if (ts := state.posted_ts(message.lookup)) is not None
        }
        for lookup, keep, extra in duplicates(messages, recorded):
            if await self._delete(channel, extra, state.partition):
                queue.repaired += 1
                log.warning("%s: deleted a second message of %s", queue.name, lookup)
                await self._record_again(state, lookup, keep)

    async def _delete(self, channel: str, ts: str, partition: int) -> bool:
        """Return whether a message was deleted."""
        backoff = receiver_backoff(self._context.uniform)
        receiver = self._context.receivers.of(channel)
        for _ in range(DELETE_TRIES):
            if not self._ownership.may_act(partition):
                return False
            outcome = await receiver.delete(channel, ts)
            if isinstance(outcome, Done):
                return True
            if isinstance(outcome, Refused):
                log.warning("cannot delete %s: %s", ts, outcome.error)
                return False
            await self._context.clock.sleep(backoff.next(retry_after(outcome)))
        return False

    async def _record_again(self, state: DeliveryState, lookup: str, ts: str) -> None:
        """Make the message that stays the recorded one, whoever wrote last."""
        await self._writer.write(
            state, [one.derive(ts=ts) for one in state.under(lookup) if one.status == POSTED]
        )

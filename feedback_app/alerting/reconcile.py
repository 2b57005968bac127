"""Finds out whether an uncertain post stands in Slack, and removes what stands there twice."""

import logging
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from typing import Any

from feedback_app.alerting.channel_queue import ChannelQueue
from feedback_app.alerting.context import Context
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.ownership import Ownership
from feedback_app.alerting.pacing import FIRST_BACKOFF_S, LONGEST_BACKOFF_S
from feedback_app.alerting.writer import Writer
from feedback_app.slack.client import Found, LookFailed
from feedback_app.slack.outcome import Done, NotDone, Outcome, Refused, Uncertain
from models.delivery import POSTED

log = logging.getLogger(__name__)

EARLY_LOOKS_S = (2.0, 6.0)
"""Ages of a claim at which a look is worth it: found early is found, not found means nothing."""
SURE_S = 15.0
"""From this age of the claim on, not finding the message counts."""
LOOKS = 2
BETWEEN_LOOKS_S = 5.0
MARGIN_S = 60.0
"""How long before the claim the history is read from."""
SWEEP_AFTER_S = 60.0
DELETE_TRIES = 8
ZOMBIE_S = 15.0
"""How long after a takeover the worker before may still have a post under way."""
BEFORE_TAKEOVER_S = 180.0
"""How long before a takeover a post may have been made by a worker that was lost."""


def seconds_until_check(age: float, sure_looks: int) -> float:
    """Return the seconds until the next look, given a claim's age and the looks that counted."""
    if sure_looks:
        return BETWEEN_LOOKS_S
    for mark in EARLY_LOOKS_S:
        if age < mark:
            return mark - age
    return max(0.0, SURE_S - age)


def duplicates(messages: Sequence[Found], recorded: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return (lookup, ts to keep, ts to delete) of what stands twice.

    `recorded` is {lookup: ts on record}; where none of the messages is on record, the oldest stays.
    """
    by_lookup: dict[str, list[str]] = defaultdict(list)
    for message in messages:
        by_lookup[message.lookup].append(message.ts)
    found = []
    for lookup, stamps in by_lookup.items():
        keep = recorded.get(lookup)
        if keep not in stamps:
            keep = min(stamps, key=float)
        found += [(lookup, keep, ts) for ts in stamps if ts != keep]
    return found


class Reconciler:
    """Reads the histories of alert channels."""

    def __init__(self, context: Context, ownership: Ownership, writer: Writer) -> None:
        self._context, self._ownership, self._writer = context, ownership, writer
        self._taken_over: dict[int, float] = {}

    async def find(
        self, queue: ChannelQueue, channel: str, lookup: str, claimed: float, since: float
    ) -> str | None:
        """Return the ts of the message with this lookup id, or None once that is as good as sure.

        `claimed` is when the broker took the newest claim, `since` when the first was made (Unix).
        """
        clock = self._context.clock
        sure_looks = 0
        while sure_looks < LOOKS:
            wait = seconds_until_check(clock.time() - claimed, sure_looks)
            if wait > 0:
                await clock.sleep(wait)
            sure = clock.time() - claimed >= SURE_S
            messages = await self._history(queue, channel, since - MARGIN_S)
            if messages is None:  # cannot be read at all
                await clock.sleep(max(0.0, SURE_S - (clock.time() - claimed)))
                return None
            for message in messages:
                if message.lookup == lookup:
                    return message.ts
            sure_looks += sure
        return None

    async def _history(self, queue: ChannelQueue, channel: str, since: float) -> list[Found] | None:
        dependency, wait, failed = f"slack {queue.name}", FIRST_BACKOFF_S, False
        try:
            while True:
                try:
                    return await self._context.slack.find(channel, since)
                except LookFailed as error:
                    outcome = error.outcome
                if isinstance(outcome, Refused):
                    log.warning("%s: history cannot be read: %s", queue.name, outcome.error)
                    return None
                failed = True
                self._context.report_blocked(
                    dependency, f"cannot read the history: {described(outcome)}"
                )
                asked = outcome.retry_after if isinstance(outcome, NotDone) else None
                await self._context.clock.sleep(wait if asked is None else asked)
                wait = min(2 * wait, LONGEST_BACKOFF_S)
        finally:
            if failed:
                self._context.report_blocked(dependency, None)

    def note_takeover(self, state: DeliveryState) -> None:
        """Remember when a partition was taken over, if it just was."""
        if state.take_over():
            self._taken_over[state.partition] = self._context.clock.monotonic()

    def after_takeover(
        self, queue: ChannelQueue, channel: str, state: DeliveryState
    ) -> Coroutine[Any, Any, None] | None:
        """Return the look at a channel that a post just after a takeover calls for, once each.

        A worker that lost the partition without knowing may have posted the same.
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
        """After so many seconds, delete what stands twice in a channel since a Unix time."""
        await self._context.clock.sleep(after)
        if not self._ownership.may_act(state.partition):
            return  # whoever owns the partition now looks for itself
        messages = await self._history(queue, channel, since)
        recorded = {
            message.lookup: ts
            for message in messages or ()
            if (ts := state.posted_ts(message.lookup)) is not None
        }
        for lookup, keep, extra in duplicates(messages or (), recorded):
            if await self._delete(channel, extra, state.partition):
                queue.repaired += 1
                log.warning("%s: deleted a second message of %s", queue.name, lookup)
                await self._record_again(state, lookup, keep)

    async def _delete(self, channel: str, ts: str, partition: int) -> bool:
        wait = FIRST_BACKOFF_S
        for _ in range(DELETE_TRIES):
            if not self._ownership.may_act(partition):
                return False
            outcome = await self._context.slack.delete(channel, ts)
            if isinstance(outcome, Done):
                return True
            if isinstance(outcome, Refused):
                log.warning("cannot delete %s: %s", ts, outcome.error)
                return False
            asked = outcome.retry_after if isinstance(outcome, NotDone) else None
            await self._context.clock.sleep(wait if asked is None else asked)
            wait = min(2 * wait, LONGEST_BACKOFF_S)
        return False

    async def _record_again(self, state: DeliveryState, lookup: str, ts: str) -> None:
        """Make the message that stays the one on record, whoever wrote last."""
        known = state.under(lookup)
        await self._writer.write(
            state, [one.derive(ts=ts) for one in known if one.status == POSTED]
        )


def described(outcome: Outcome) -> str:
    """Return an outcome in words for the page."""
    if isinstance(outcome, NotDone | Uncertain | Refused):
        return outcome.error
    return "done"

"""Polls sources: one poll of a source at a time, its cursor behind its data, backoff and quota."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_app.backoff import Backoff
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Count
from feedback_app.sources.cursors import gap_state, later
from feedback_app.sources.dependencies import Resources, SourceDependencies
from feedback_app.sources.protocol import (
    BudgetSpent,
    Context,
    PolledSource,
    SourceFault,
    SourceState,
    State,
)
from feedback_app.sources.quota import Meter, Quota
from feedback_app.sources.records import cursor_record, dead_letter_records, feedback_records
from feedback_app.sources.registry import find
from feedback_app.sources.source_type import SourceType
from models import Cursor, DeadLetter, Feedback

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


def unlimited() -> int:
    """Return the page limit of a source without a quota."""
    return sys.maxsize


def new_backoff() -> Backoff:
    """Return the backoff of a source that fails."""
    return Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)


@dataclass(slots=True)
class Polled:
    """A source, and what its polls in this process share."""

    id: str
    kind: SourceType[Any]
    source: PolledSource
    meter: Meter | None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: int = -1
    """The highest offset of a request so far: older requests are dropped."""
    served: int = -1
    """The highest offset of a request when the last poll ended: no poll is needed up to it."""
    cursor: Cursor | None = None
    backoff: Backoff = field(default_factory=new_backoff)
    not_before: float = 0.0
    fault: SourceFault | None = None
    last_message_at: str | None = None


class Poller:
    """Makes the polled sources of the settings and polls them.

    Raises ConfigurationError where a source cannot be made.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._resources = Resources()
        self._meters: dict[Quota, Meter] = {}
        self._polled: dict[str, Polled] = {}
        settings = context.settings
        for options in settings.sources:
            kind = find(options.type)
            if kind.polled is None or kind.interval(options, settings) is None:
                continue
            meter = self._meter(kind.quota)
            limit = unlimited if meter is None else meter.page_limit
            dependencies = SourceDependencies(settings, context.clock, limit, self._resources)
            source = kind.polled(options, dependencies)
            self._polled[options.id] = Polled(options.id, kind, source, meter)

    async def poll(self, source_id: str, offset: int) -> Sequence[Count]:
        """Poll a source for the request at this offset, and return what to count.

        Many calls run at once; those of one source wait for each other, and all but the newest are
        dropped. Raises TransientError with the time to wait where the source or the broker fails.
        """
        polled = self._polled.get(source_id)
        if polled is None:
            return [(source_id, "unknown")]
        polled.newest = max(polled.newest, offset)
        async with polled.lock:
            if offset < polled.newest or offset <= polled.served:
                return [(source_id, "coalesced")]
            if self._context.shared.paused(source_id):
                self._report(polled, "paused")
                return [(source_id, "paused")]
            self._check_wait(polled)
            try:
                return await self._poll(polled)
            except BudgetSpent as spent:
                if spent.cursor is not None:
                    await self._write_cursor(polled, spent.cursor)
                self._report(polled, "budget_spent", str(spent))
                return [(source_id, "budget_spent")]
            except TransientError as fault:
                raise self._failed(polled, fault) from fault
            except Exception as bug:
                self._report(polled, "failing", f"{type(bug).__name__}: {bug}")
                raise

    async def close(self) -> None:
        """Close what the sources hold open."""
        for polled in self._polled.values():
            await polled.source.close()
        await self._resources.close()

    async def _poll(self, polled: Polled) -> list[Count]:
        context = self._context
        await context.shared.caught_up()
        known = later(context.shared.cursors.get(polled.id), polled.cursor)
        sent = 0

        async def send(posts: Sequence[Feedback]) -> None:
            nonlocal sent
            charge = None if polled.meter is None else polled.meter.charge(polled.id, posts)
            tally = [] if charge is None else charge.outputs
            outputs = [*feedback_records(context.topics, posts), *tally]
            await context.produce(outputs)
            if charge is not None:
                charge.commit()
            sent += len(posts)
            polled.last_message_at = max(
                filter(None, (post.created_at for post in posts)), default=polled.last_message_at
            )

        async def send_to_dlq(dead: Sequence[DeadLetter]) -> None:
            if dead:
                await context.produce(dead_letter_records(context.topics, polled.id, dead))

        cursor = await polled.source.poll(known, send, send_to_dlq, context.clock.time())
        reached = later(known, cursor) or cursor
        await self._write_cursor(polled, reached)
        polled.served = polled.newest
        polled.backoff.reset()
        polled.not_before, polled.fault = 0.0, None
        self._report(polled, *gap_state(polled.kind.gap, reached, context.clock.time()))
        return [(polled.id, "polled")] + [(polled.id, "sent")] * sent

    async def _write_cursor(self, polled: Polled, cursor: Cursor) -> None:
        await self._context.produce([cursor_record(self._context.topics, cursor)])
        polled.cursor = cursor

    def _meter(self, quota: Quota | None) -> Meter | None:
        if quota is not None and quota not in self._meters:
            self._meters[quota] = quota.meter(self._context)
        return None if quota is None else self._meters[quota]

    def _check_wait(self, polled: Polled) -> None:
        """Raise the last fault again until its wait is over."""
        left = polled.not_before - self._context.clock.time()
        if polled.fault is not None and left > 0:
            fault = polled.fault
            raise SourceFault(fault.dependency, str(fault), left, fault.state)

    def _failed(self, polled: Polled, fault: TransientError) -> SourceFault:
        """Record a failure and return it with the time to wait."""
        wait = polled.backoff.next(fault.retry_after)
        state: State = fault.state if isinstance(fault, SourceFault) else "waiting"
        polled.fault = SourceFault(fault.dependency, str(fault), wait, state)
        polled.not_before = self._context.clock.time() + wait
        self._report(polled, state, str(fault))
        return polled.fault

    def _report(self, polled: Polled, state: State, detail: str = "") -> None:
        if not polled.kind.services_report:
            shown = SourceState(state, detail, polled.last_message_at)
            self._context.report(polled.id, shown)

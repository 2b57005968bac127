"""The stage `polls`: a request that a source is due becomes pages in `raw` and a new cursor."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from feedback_app.hop.errors import TransientError
from feedback_app.hop.record import RecordStage
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Stage, StageSpec
from feedback_app.hop.types import Item, Output, Result
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Source
from feedback_app.sources.base import (
    BudgetSpent,
    Context,
    PolledSource,
    SourceFault,
    SourceState,
    State,
    later,
)
from feedback_app.sources.deliver import dead_letter_records, records
from feedback_app.sources.kit import Kit
from feedback_app.sources.registry import check, factory, is_polled
from feedback_app.sources.schedule import limits_of
from feedback_app.sources.x.budget import Spend, Users, allowed, key, tallies
from feedback_app.sources.x.window import gap_shown
from models import Cursor, DeadLetter, Feedback, PollRequest

NAME = "polls"
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


@dataclass(slots=True)
class Running:
    """What one source's polls share in this process."""

    config: Source
    source: PolledSource
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: int = -1
    """The highest offset of a request that was seen: older ones give way to it."""
    served: int = -1
    """The highest offset that had been seen when the last poll ended: no need for another."""
    cursor: Cursor | None = None
    spend: Spend = field(default_factory=Spend)
    failures: int = 0
    not_before: float = 0.0
    fault: SourceFault | None = None
    last_message_at: str | None = None

    @property
    def bought(self) -> bool:
        """Whether what it reads counts against the budget of X."""
        return self.config.type.startswith("x-")


class Polls:
    """The record handler of the stage; it runs many at once, but one poll of a source at a time."""

    def __init__(self, context: Context) -> None:
        check(context.settings.sources)
        self._context = context
        self._limits = limits_of(context.settings)
        self._users = Users()
        self._kit = Kit(context.settings, self._allowed, context.clock.time)
        self._running = {
            each.id: Running(each, factory(each.type)(each, self._kit))
            for each in context.settings.sources
            if is_polled(each)
        }

    async def __call__(self, item: Item[PollRequest]) -> Result:
        """Poll the source that is due.

        Raises OutsideFault, with the time to wait, where the source or the broker fails.
        """
        name = item.value.source
        running = self._running.get(name)
        if running is None:
            return _counted(name, "unknown")
        running.newest = max(running.newest, item.offset)
        async with running.lock:
            if item.offset < running.newest or item.offset <= running.served:
                return _counted(name, "coalesced")
            if self._context.shared.paused(name):
                self._report(running, "paused")
                return _counted(name, "paused")
            self._wait_where_told(running)
            try:
                return await self._poll(running)
            except BudgetSpent as spent:
                if spent.cursor is not None:
                    await self._context.produce([self._cursor(spent.cursor)])
                    running.cursor = spent.cursor
                self._report(running, "budget_spent", str(spent))
                return _counted(name, "budget_spent")
            except TransientError as fault:
                raise self._failed(running, fault) from fault
            except Exception as bug:
                self._report(running, "failing", f"{type(bug).__name__}: {bug}")
                raise

    async def close(self) -> None:
        """Close what the sources hold open."""
        for running in self._running.values():
            await running.source.close()
        await self._kit.close()

    async def _poll(self, running: Running) -> Result:
        name, context = running.config.id, self._context
        await context.shared.caught_up()
        known = later(context.shared.cursors.get(name), running.cursor)
        sent = 0

        async def send(posts: Sequence[Feedback]) -> None:
            nonlocal sent
            now = context.clock.time()
            users = self._users.fresh(posts, now)
            spend = self._tally(running).plus(len(posts), 1, now, len(users))
            tally = [self._cursor(spend.cursor(name, now))] if running.bought else []
            await context.produce([*records(context.topics, posts), *tally])
            running.spend = spend
            self._users.note(users, now)
            sent += len(posts)
            running.last_message_at = max(
                filter(None, (post.created_at for post in posts)), default=running.last_message_at
            )

        async def send_to_dlq(dead: Sequence[DeadLetter]) -> None:
            if dead:
                await context.produce(dead_letter_records(context.topics, name, dead))

        cursor = await running.source.poll(known, send, send_to_dlq, context.clock.time())
        reached = later(known, cursor) or cursor
        await context.produce([self._cursor(reached)])
        running.cursor = reached
        running.served = running.newest
        running.failures, running.not_before, running.fault = 0, 0.0, None
        self._report(running, *gap_shown(reached, context.clock.time()))
        return Result(counts=[(name, "polled")] + [(name, "sent")] * sent)

    def _allowed(self) -> int:
        """Return how many posts the next page may bring; raises BudgetSpent."""
        spends = tallies(self._context.shared.cursors)
        spends |= {name: self._tally(each) for name, each in self._running.items() if each.bought}
        return allowed(spends.values(), self._limits, self._context.clock.time())

    def _tally(self, running: Running) -> Spend:
        """Return the larger of the shared tally and this process's own, which may be ahead."""
        shared = self._context.shared.cursors.get(key(running.config.id))
        return max(running.spend, Spend.of(shared), key=Spend.rank)

    def _cursor(self, cursor: Cursor) -> Output:
        return Output(self._context.topics.cursors.name, cursor.source.encode(), cursor.encode(), 0)

    def _wait_where_told(self, running: Running) -> None:
        left = running.not_before - self._context.clock.time()
        if running.fault is not None and left > 0:
            fault = running.fault
            raise SourceFault(fault.dependency, str(fault), left, fault.state)

    def _failed(self, running: Running, fault: TransientError) -> SourceFault:
        """Note a failure and return it with the time to wait, which grows with each one."""
        running.failures += 1
        wait = fault.retry_after
        if wait is None:
            wait = min(FIRST_WAIT_S * 2 ** min(running.failures - 1, 10), LONGEST_WAIT_S)
        state: State = fault.state if isinstance(fault, SourceFault) else "waiting"
        running.fault = SourceFault(fault.dependency, str(fault), wait, state)
        running.not_before = self._context.clock.time() + wait
        self._report(running, state, str(fault))
        return running.fault

    def _report(self, running: Running, state: State, detail: str = "") -> None:
        # A stream's state is told by whoever holds it: these polls only close its gaps.
        if running.config.type == "x-stream":
            return
        shown = SourceState(state, detail, running.last_message_at)
        self._context.report(running.config.id, shown)


def stage(registry: StageRegistry, topics: Topics, polls: Polls) -> Stage:
    """Add the stage to the app: reads `polls`, writes `raw`."""
    spec = StageSpec(
        name=NAME,
        topic=topics.polls.name,
        decode=PollRequest.decode,
        group=lambda request: request.source,
    )
    return registry.add(RecordStage(spec, registry.context, polls))


def build(context: Context) -> Polls:
    """Return the handler; raises ConfigurationError where a source cannot be made."""
    return Polls(context)


def _counted(name: str, what: str) -> Result:
    return Result(counts=[(name, what)])

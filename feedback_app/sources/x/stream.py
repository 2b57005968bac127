"""The source `x-stream`: the app's one filtered stream, held by the leader, supervised.

What a disconnect left open is closed by recent search: the stream asks for polls after each
connect, and moves a source's cursor on only when one of them has looked behind the connect.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Output
from feedback_app.sources.base import BudgetSpent, Context, SourceFault, SourceState, State
from feedback_app.sources.kit import Kit
from feedback_app.sources.registry import is_polled
from feedback_app.sources.schedule import limits_of
from feedback_app.sources.x.backoff import Backoff, Broken
from feedback_app.sources.x.budget import allowed, tallies
from feedback_app.sources.x.client import DEPENDENCY
from feedback_app.sources.x.connection import Connection
from feedback_app.sources.x.rules import Rules
from feedback_app.sources.x.send_buffer import SendBuffer
from feedback_app.sources.x.snowflake import seconds, synthetic_id
from feedback_app.sources.x.window import OVERLAP_S, gap_shown, moved, positions
from models import PollRequest, from_rfc3339, rfc3339

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """In seconds: between looks, between cursors, how long a connect and the end may take."""

    look: float = 1.0
    cursors: float = 30.0
    opening: float = 30.0
    drain: float = 5.0
    resend: float = 1.0


class XStream:
    """Holds the stream while `leading` says so; `run` lives until it is cancelled."""

    def __init__(
        self,
        context: Context,
        clock: Clock,
        leading: Callable[[], bool],
        timing: Timing | None = None,
    ) -> None:
        settings = context.settings
        self._context, self._clock, self._leading = context, clock, leading
        self._timing = timing or Timing()
        self._queries = {s.id: s.query or "" for s in settings.sources if s.type == "x-stream"}
        self._polled = [s.id for s in settings.sources if s.type == "x-stream" and is_polled(s)]
        self._limits = limits_of(settings)
        self._kit = Kit(settings, lambda: 100, clock.time)
        self._rules = Rules(self._kit.x())
        self._backoff = Backoff()
        self._shown: tuple[State, str] = ("waiting", "")
        self.send_buffer = SendBuffer(
            context, clock, self._timing.resend, lambda: self._report(*self._shown)
        )

    async def run(self) -> None:
        """Keep the stream open while this worker leads; ends when cancelled."""
        send_buffer = asyncio.create_task(self.send_buffer.run())
        try:
            while True:
                if not self._leading():
                    await self._clock.sleep(self._timing.look)
                    continue
                began = self._clock.monotonic()
                try:
                    await self._live()
                except BudgetSpent as spent:
                    self._report("budget_spent", str(spent))
                    await self._clock.sleep(self._timing.look)
                except Exception as error:
                    found = as_fault(error)
                    now = self._clock.monotonic()
                    wait = self._backoff.wait(found, now - began, now)
                    self._report(found.state, f"{found}; next try in {wait:.1f} s")
                    log.warning("X stream: %s; next try in %.1f s", found, wait)
                    await self._clock.sleep(wait)
        finally:
            send_buffer.cancel()
            await asyncio.gather(send_buffer, return_exceptions=True)
            await self._kit.close()

    def _wanted(self) -> dict[str, str]:
        shared = self._context.shared
        return {name: query for name, query in self._queries.items() if not shared.paused(name)}

    async def _live(self) -> None:
        """Live through one connection; returns when there is no reason for one any more."""
        self._check_budget()
        wanted = self._wanted()
        if not wanted:
            self._report("paused")
            await self._clock.sleep(self._timing.look)
            return
        await self._rules.make(wanted)

        async def on_line(line: object, raw: bytes) -> None:
            self.send_buffer.take(line, raw, wanted)

        settings, token = self._context.settings, self._context.settings.x_bearer_token
        assert token is not None  # the kit has made a client of it
        connection = Connection(settings.x_api_url, token, self._clock.time, on_line)
        self._backoff.connecting(self._clock.monotonic())
        task = connection.open()
        try:
            await self._opened(connection, task)
            self._report("running")
            await self._watch(connection, task, wanted)
        finally:
            connection.disconnect()
            await asyncio.gather(task, return_exceptions=True)
            await self.send_buffer.drained(self._timing.drain)

    async def _opened(self, connection: Connection, task: "asyncio.Task[None]") -> None:
        opened = asyncio.create_task(connection.connected.wait())
        try:
            await asyncio.wait(
                {opened, task},
                timeout=self._timing.opening,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            opened.cancel()
        if not connection.connected.is_set():
            raise self._end(connection, task)

    async def _watch(
        self, connection: Connection, task: "asyncio.Task[None]", wanted: dict[str, str]
    ) -> None:
        """Stay while the stream does its work."""
        connected = self._clock.time()
        asks = [connected, connected + OVERLAP_S + 1]
        written = connected
        while self._leading() and self._wanted() == wanted:
            if task.done():
                raise self._end(connection, task)
            self._check_budget()
            now = self._clock.time()
            try:
                if asks and now >= asks[0]:
                    await self._ask_for_polls(wanted, now)
                    asks.pop(0)
                if now - written >= self._timing.cursors:
                    await self._move_cursors(wanted, connected, now)
                    written = now
            except TransientError as found:
                log.warning("X stream: %s", found)
            await self._clock.sleep(self._timing.look)

    def _end(self, connection: Connection, task: "asyncio.Task[None]") -> SourceFault:
        """Return why the stream ended, as a fault."""
        if connection.ended is not None:
            return as_fault(connection.ended)
        return Broken(DEPENDENCY, "the stream ended" if task.done() else "the stream does not open")

    def _check_budget(self) -> None:
        spends = tallies(self._context.shared.cursors)
        spends |= {f"{name}/stream": self.send_buffer.tally(name) for name in self._queries}
        allowed(spends.values(), self._limits, self._clock.time())

    async def _ask_for_polls(self, wanted: dict[str, str], now: float) -> None:
        name = self._context.topics.polls.name
        asked = [PollRequest(source=each, due_at=rfc3339(now)) for each in wanted]
        await self._context.produce(
            [
                Output(name, each.source.encode(), each.encode())
                for each in asked
                if each.source in self._polled
            ]
        )

    async def _move_cursors(self, wanted: dict[str, str], connected: float, now: float) -> None:
        """Move the cursors behind which the stream has everything."""
        if self.send_buffer.unsent:
            return
        topic, outputs = self._context.topics.cursors.name, []
        for name in wanted:
            cursor = self._context.shared.cursors.get(name)
            # A poll after the overlap has seen whatever X indexed late from before the connect.
            if cursor is None or from_rfc3339(cursor.at or rfc3339(0)) < connected + OVERLAP_S:
                continue
            position, under_way, _ = positions(cursor)
            # By X's time where this clock is ahead of it.
            heard = min(now, seconds(self.send_buffer.newest.get(name, 0)))
            reached = synthetic_id(heard - OVERLAP_S)
            if under_way is None and reached > position:
                cursor = moved(cursor, reached, now)
                outputs.append(Output(topic, name.encode(), cursor.encode(), 0))
        if outputs:
            await self._context.produce(outputs)

    def _report(self, state: State, detail: str = "") -> None:
        self._shown = (state, detail)
        for name in self._queries:
            shown, words = state, detail
            if self._context.shared.paused(name):
                shown, words = "paused", ""
            elif state == "running":
                cursor = self._context.shared.cursors.get(name)
                shown, words = gap_shown(cursor, self._clock.time())
            self._context.report(
                name, SourceState(shown, words, self.send_buffer.last_message.get(name))
            )


def as_fault(error: Exception) -> SourceFault:
    """Return what ended the stream as a fault; a bug must not end the source for good."""
    if isinstance(error, SourceFault):
        return error
    if not isinstance(error, TransientError):
        log.error("X stream: a bug ended it", exc_info=error)
    return SourceFault(DEPENDENCY, f"the stream ended by {type(error).__name__}: {error}")

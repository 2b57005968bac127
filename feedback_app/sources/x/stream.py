"""The source `x-stream`: the app's one filtered stream, held by the leader, supervised.

Recent search closes the gap that a disconnect leaves: the stream asks for polls after each connect,
and moves a source's cursor only once a poll has covered the time before the connect.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Output
from feedback_app.sources.cursors import gap_state
from feedback_app.sources.protocol import BudgetSpent, Context, SourceFault, SourceState, State
from feedback_app.sources.records import cursor_record
from feedback_app.sources.x.backoff import ConnectionLost, StreamBackoff
from feedback_app.sources.x.budget import allowed, tallies
from feedback_app.sources.x.client import DEPENDENCY, XClient
from feedback_app.sources.x.connection import Connection
from feedback_app.sources.x.gap import GAP
from feedback_app.sources.x.meter import limits_of
from feedback_app.sources.x.options import XStreamOptions
from feedback_app.sources.x.rules import Rules
from feedback_app.sources.x.send_buffer import SendBuffer
from feedback_app.sources.x.snowflake import seconds, synthetic_id
from feedback_app.sources.x.window import OVERLAP_S, moved, positions
from models import PollRequest, from_rfc3339, rfc3339

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """In seconds."""

    check: float = 1.0
    """Between two checks of the connection."""
    cursors: float = 30.0
    """Between two writes of the cursors."""
    opening: float = 30.0
    """How long a connect may take."""
    drain: float = 5.0
    """How long the send buffer may take to drain after the connection ended."""
    resend: float = 1.0
    """Between two tries of a batch."""


class XStream:
    """Holds the stream while `leading` says so; `run` lives until it is cancelled."""

    def __init__(
        self, context: Context, leading: Callable[[], bool], timing: Timing | None = None
    ) -> None:
        settings = context.settings
        self._context, self._clock, self._leading = context, context.clock, leading
        self._timing = timing or Timing()
        sources = [each for each in settings.sources if isinstance(each, XStreamOptions)]
        self._queries = {each.id: each.query for each in sources}
        self._searched = {each.id for each in sources if each.searched}
        self._limits = limits_of(settings)
        self._client = XClient.of(settings, self._clock)
        self._rules = Rules(self._client)
        self._backoff = StreamBackoff()
        self._shown: tuple[State, str] = ("waiting", "")
        self.send_buffer = SendBuffer(
            context, self._timing.resend, lambda: self._report(*self._shown)
        )

    async def run(self) -> None:
        """Keep the stream open while this worker leads; ends when cancelled."""
        send_buffer = asyncio.create_task(self.send_buffer.run())
        try:
            while True:
                if not self._leading():
                    await self._clock.sleep(self._timing.check)
                    continue
                began = self._clock.monotonic()
                try:
                    await self._live()
                except BudgetSpent as spent:
                    self._report("budget_spent", str(spent))
                    await self._clock.sleep(self._timing.check)
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
            await self._client.close()

    def _wanted(self) -> dict[str, str]:
        shared = self._context.shared
        return {name: query for name, query in self._queries.items() if not shared.paused(name)}

    async def _live(self) -> None:
        """Hold one connection; returns when none is wanted any more, raises where it ends."""
        self._check_budget()
        wanted = self._wanted()
        if not wanted:
            self._report("paused")
            await self._clock.sleep(self._timing.check)
            return
        await self._rules.make(wanted)

        async def on_line(line: object, raw: bytes) -> None:
            self.send_buffer.put(line, raw, wanted)

        settings, token = self._context.settings, self._context.settings.x_bearer_token
        assert token is not None  # else there was no client
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
        """Ask for polls and move cursors while the connection lasts and is wanted."""
        connected = self._clock.time()
        # A second poll after the overlap: X may index a post a minute late.
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
            await self._clock.sleep(self._timing.check)

    def _end(self, connection: Connection, task: "asyncio.Task[None]") -> SourceFault:
        """Return why the stream ended, as a fault."""
        if connection.ended is not None:
            return as_fault(connection.ended)
        return ConnectionLost(
            DEPENDENCY, "the stream ended" if task.done() else "the stream does not open"
        )

    def _check_budget(self) -> None:
        spends = tallies(self._context.shared.cursors)
        spends |= {f"{name}/stream": self.send_buffer.tally(name) for name in self._queries}
        allowed(spends.values(), self._limits, self._clock.time())

    async def _ask_for_polls(self, wanted: dict[str, str], now: float) -> None:
        name = self._context.topics.polls.name
        requests = [
            PollRequest(source=source, due_at=rfc3339(now))
            for source in wanted
            if source in self._searched
        ]
        await self._context.produce(
            [Output(name, each.source.encode(), each.encode()) for each in requests]
        )

    async def _move_cursors(self, wanted: dict[str, str], connected: float, now: float) -> None:
        """Move the cursors to where nothing before them can be missing."""
        if self.send_buffer.unsent:
            return
        outputs = []
        for name in wanted:
            cursor = self._context.shared.cursors.get(name)
            # Only a poll after the overlap has seen what X indexed late from before the connect.
            if cursor is None or from_rfc3339(cursor.at or rfc3339(0)) < connected + OVERLAP_S:
                continue
            position, unfinished, _ = positions(cursor)
            # X's time where this clock is ahead of it.
            heard = min(now, seconds(self.send_buffer.newest.get(name, 0)))
            reached = synthetic_id(heard - OVERLAP_S)
            if unfinished is None and reached > position:
                outputs.append(cursor_record(self._context.topics, moved(cursor, reached, now)))
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
                shown, words = gap_state(GAP, cursor, self._clock.time())
            self._context.report(
                name, SourceState(shown, words, self.send_buffer.last_message.get(name))
            )


def as_fault(error: Exception) -> SourceFault:
    """Return what ended the stream as a fault: a bug must not stop the source for good."""
    if isinstance(error, SourceFault):
        return error
    if not isinstance(error, TransientError):
        log.error("X stream: a bug ended it", exc_info=error)
    return SourceFault(DEPENDENCY, f"the stream ended by {type(error).__name__}: {error}")

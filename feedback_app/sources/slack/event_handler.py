"""Handles what came over Socket Mode: events become feedback, malformed payloads dead letters."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from feedback_app.hop.errors import BadRecord
from feedback_app.sources.protocol import Context, SourceState, State
from feedback_app.sources.records import (
    dead_letter,
    dead_letter_records,
    dumped,
    feedback_records,
)
from feedback_app.sources.slack.buttons import OnPress
from feedback_app.sources.slack.events import Ignored, Reader
from feedback_app.sources.slack.message_index import MessageIndex
from feedback_app.sources.slack.names import Names
from feedback_app.sources.slack.options import SlackOptions
from models import Feedback

STAGE = "slack"
MALFORMED_REMEMBERED = 1000


class EventHandler:
    """All work on Slack's payloads that does not depend on a connection."""

    def __init__(
        self,
        context: Context,
        names: Names,
        sources: Sequence[SlackOptions],
        on_press: OnPress | None,
    ) -> None:
        self._context, self._clock, self._names = context, context.clock, names
        self._sources, self._on_press = sources, on_press
        self._filtered = {each.id: 0 for each in sources}
        self._last_message: dict[str, str | None] = {}
        self._dead_lettered: dict[str, None] = {}
        self._sending: dict[tuple[str, int], asyncio.Event] = {}
        self.index = MessageIndex()
        """The messages sent lately, by this worker and by others as far as `scored` was read."""
        self._state: State = "waiting"
        self._detail = ""
        self.problems: Mapping[str, str] = {}
        """What is wrong with a source while the connection works, by source id."""

    def show(self, state: State, detail: str = "") -> None:
        """Report the state of the connection for every source."""
        self._state, self._detail = state, detail
        for each in self._sources:
            self._report(each.id)

    async def envelope(self, reader: Reader, kind: object, payload: object) -> None:
        """Handle an envelope; once this returns it may be acknowledged. Raises TransientError."""
        if kind == "interactive" and isinstance(payload, dict):
            if self._on_press is not None:
                await self._on_press(payload)
        elif kind == "events_api" and isinstance(payload, dict):
            await self._event(reader, payload)
        elif kind != "slash_commands":
            await self.send_to_dlq(dumped(payload), f"an envelope of unknown type {str(kind)[:80]}")

    async def send_to_dlq(self, value: bytes, reason: str) -> None:
        """Send a payload to the DLQ, once however often it comes. Raises TransientError."""
        digest = hashlib.sha256(value).hexdigest()
        if digest in self._dead_lettered:
            return
        source = self._sources[0].id
        letter = dead_letter(source, STAGE, value, reason, self._clock.time())
        await self._context.produce(dead_letter_records(self._context.topics, source, [letter]))
        self._dead_lettered[digest] = None
        if len(self._dead_lettered) > MALFORMED_REMEMBERED:
            del self._dead_lettered[next(iter(self._dead_lettered))]

    async def _event(self, reader: Reader, payload: dict[str, Any]) -> None:
        now = self._clock.time()
        try:
            found = reader.event(payload.get("event"), now)
        except BadRecord as error:
            await self.send_to_dlq(dumped(payload), str(error))
            return
        if isinstance(found, Ignored):
            if found.source is not None:
                self._filtered[found.source] += 1
                self._report(found.source)
            return
        await self.accept(found)

    async def accept(self, found: Feedback) -> None:
        """Send one feedback unless its source is paused; returns once the broker has it.

        A revision that the broker has already is not sent again: an event comes again, or the
        history had it first. Raises TransientError.
        """
        if self._context.shared.paused(found.source) or self.index.covers(found):
            return None
        key = (found.id, found.revision)
        if (in_flight := self._sending.get(key)) is not None:
            await in_flight.wait()
            return await self.accept(found)
        done = self._sending[key] = asyncio.Event()
        try:
            found = await self._named(found)
            await self._context.produce(feedback_records(self._context.topics, [found]))
            self.index.remember(found)
        finally:
            del self._sending[key]
            done.set()
        self._last_message[found.source] = found.created_at
        self._report(found.source)
        return None

    async def _named(self, found: Feedback) -> Feedback:
        """Replace the author's user id by the display name, if it is known soon enough."""
        if found.author is not None and found.kind != "delete":
            await self._names.learn(found.author)
            found.author = self._names.get(found.author) or found.author
        return found

    def _report(self, source: str) -> None:
        state, detail = self._state, self._detail
        if self._context.shared.paused(source):
            state, detail = "paused", ""
        elif state == "running" and source in self.problems:
            state, detail = "failing", self.problems[source]
        last, filtered = self._last_message.get(source), self._filtered[source]
        self._context.report(source, SourceState(state, detail, last, filtered))

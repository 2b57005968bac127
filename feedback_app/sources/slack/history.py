"""Reads Slack's history for missed messages, edits and deletions.

After a longer disconnect or outage Socket Mode sends nothing again. So after each reconnect and on
a timer the last day is read, and what is not known yet is sent like an event.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.hop.errors import BadRecord
from feedback_app.sources.protocol import Context, SourceFault
from feedback_app.sources.records import cursor_record, dumped
from feedback_app.sources.slack.calls import ask
from feedback_app.sources.slack.event_handler import EventHandler
from feedback_app.sources.slack.events import Reader, microseconds
from feedback_app.sources.slack.message_index import Message, MessageIndex
from models import Cursor, Feedback, rfc3339

REACH_S = 86400.0
SETTLED_S = 60.0
"""The history shows a message some seconds late: a younger one does not count as missing."""
PAGE = 200
LONGEST_PAUSE_S = 90.0
"""A longer wait that Slack asks for ends the pass; the next pass continues."""


@dataclass(frozen=True, slots=True)
class Page:
    """Messages as Slack has them, complete between two times (µs, both inclusive)."""

    messages: tuple[object, ...]
    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What a page shows that was not known."""

    unknown: list[Feedback]
    malformed: list[tuple[bytes, str]]
    missing: list[Message]


def compare(
    page: Page,
    channel: str,
    candidates: Iterable[Message],
    index: MessageIndex,
    reader: Reader,
    now: float,
) -> Findings:
    """Compare a page with the index; `candidates` are the known messages that it should show. Pure.

    A candidate within the page's times that is not on it is missing, unless it is so young that
    the history may not show it yet.
    """
    unknown, malformed, present = [], [], set()
    for raw in page.messages:
        ts = raw.get("ts") if isinstance(raw, dict) else None
        known = index.get(channel, ts) if isinstance(ts, str) else None
        tombstone = isinstance(raw, dict) and raw.get("subtype") == "tombstone"
        if isinstance(ts, str) and not tombstone:
            present.add(ts)
        if tombstone:
            continue
        try:
            found = reader.message(raw, channel, now, known.source if known else None)
        except BadRecord as error:
            malformed.append((dumped(raw), str(error)))
            continue
        if isinstance(found, Feedback) and not index.covers(found):
            unknown.append(found)
    settled = int((now - SETTLED_S) * 1_000_000)
    missing = [
        each
        for each in candidates
        if page.oldest <= each.sent <= min(page.newest, settled) and each.ts not in present
    ]
    return Findings(unknown, malformed, missing)


class History:
    """Reads the history of the channels that are listened on."""

    def __init__(self, context: Context, event_handler: EventHandler, index: MessageIndex) -> None:
        self._context, self._clock = context, context.clock
        self._event_handler, self._index = event_handler, index
        self._replies: dict[tuple[str, str], object] = {}

    async def reconcile(self, reader: Reader, web: AsyncWebClient, *, thorough: bool) -> None:
        """Read the last day of every channel; raises SourceFault where a pass is incomplete.

        `thorough` reads every thread of the day, otherwise only those with a new latest reply.
        """
        floors = await self._floors(reader)
        oldest = int((self._clock.time() - REACH_S) * 1_000_000)
        failed: SourceFault | None = None
        for channel in sorted({each for found in reader.conditions for each in found.channels}):
            try:
                threads = await self._channel(reader, web, channel, oldest, floors)
                for thread, latest in threads.items():
                    if thorough or self._replies.get((channel, thread)) != latest:
                        await self._thread(reader, web, channel, thread, oldest, floors)
                        self._replies[channel, thread] = latest
            except SourceFault as fault:
                # Go on: a channel that the bot was removed from must not block the others.
                failed = fault
        if failed is not None:
            raise failed

    async def _channel(
        self,
        reader: Reader,
        web: AsyncWebClient,
        channel: str,
        oldest: int,
        floors: dict[str, int],
    ) -> dict[str, object]:
        """Read one channel and return {ts of a thread: its latest reply and their number}."""
        heads = [each for each in self._index.alive(channel) if each.thread is None]
        threads: dict[str, object] = {
            each.thread: None for each in self._index.alive(channel) if each.thread is not None
        }

        def call(cursor: str) -> Any:
            return web.conversations_history(
                channel=channel,
                oldest=_ts(oldest),
                limit=PAGE,
                cursor=cursor,
                include_all_metadata=True,
            )

        async for page in self._pages(call, oldest, newest_first=True):
            await self._send_missed(page, channel, heads, reader, floors)
            for raw in page.messages:
                if isinstance(raw, dict) and (microseconds(raw.get("latest_reply")) or 0) > oldest:
                    threads[str(raw.get("ts"))] = (raw["latest_reply"], raw.get("reply_count"))
        return threads

    async def _thread(
        self,
        reader: Reader,
        web: AsyncWebClient,
        channel: str,
        thread: str,
        oldest: int,
        floors: dict[str, int],
    ) -> None:
        replies = [each for each in self._index.alive(channel) if each.thread == thread]

        def call(cursor: str) -> Any:
            return web.conversations_replies(
                channel=channel,
                ts=thread,
                oldest=_ts(oldest),
                limit=PAGE,
                cursor=cursor,
                include_all_metadata=True,
            )

        try:
            async for page in self._pages(call, oldest, newest_first=False):
                inside = tuple(
                    raw
                    for raw in page.messages
                    if not isinstance(raw, dict) or raw.get("ts") != thread
                )
                page = Page(inside, page.oldest, page.newest)
                await self._send_missed(page, channel, replies, reader, floors)
        except SourceFault as fault:
            if "thread_not_found" not in str(fault):
                raise
            gone = Page((), oldest, int(self._clock.time() * 1_000_000))
            await self._send_missed(gone, channel, replies, reader, floors)

    async def _pages(
        self, call: Callable[[str], Any], oldest: int, *, newest_first: bool
    ) -> AsyncIterator[Page]:
        """Yield the pages of a list, each with the times between which it is complete."""
        cursor, begun = "", int(self._clock.time() * 1_000_000)
        low, high = oldest + 1, begun
        while True:
            answer = await self._ask(call, cursor)
            messages = answer.get("messages")
            if not isinstance(messages, list):
                raise SourceFault("slack", "Slack's history has no list of messages")
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            times = [
                at
                for raw in messages
                if isinstance(raw, dict) and (at := microseconds(raw.get("ts"))) is not None
            ]
            if newest_first:
                end = min(times, default=low) if cursor else low
                yield Page(tuple(messages), end, high)
                high = end - 1
            else:
                end = max(times, default=high) if cursor else high
                yield Page(tuple(messages), low, end)
                low = end + 1
            if not cursor:
                return

    async def _ask(self, call: Callable[[str], Any], cursor: str) -> dict[str, Any]:
        """Ask for a page, and wait as long as Slack asks unless that is too long."""
        while True:
            try:
                return await ask(call(cursor))
            except SourceFault as fault:
                if fault.retry_after is None or fault.retry_after > LONGEST_PAUSE_S:
                    raise
                await self._clock.sleep(fault.retry_after)

    async def _send_missed(
        self,
        page: Page,
        channel: str,
        candidates: Iterable[Message],
        reader: Reader,
        floors: dict[str, int],
    ) -> None:
        """Send what a page shows and the index does not know, the oldest first."""
        now = self._clock.time()
        findings = compare(page, channel, candidates, self._index, reader, now)
        for value, reason in findings.malformed:
            await self._event_handler.send_to_dlq(value, reason)
        unknown = [
            each
            for each in findings.unknown
            if (microseconds(each.id.rpartition(":")[2]) or 0) >= floors[each.source]
        ]
        for found in sorted(unknown, key=lambda each: each.id):
            await self._event_handler.accept(found)
        for message in findings.missing:
            await self._event_handler.accept(_deletion(message, now))

    async def _floors(self, reader: Reader) -> dict[str, int]:
        """Return {source: µs of its first start}: older messages are not its feedback."""
        await self._context.shared.caught_up()
        floors = {}
        for source in (each.source for each in reader.conditions):
            cursor = self._context.shared.cursors.get(source)
            if cursor is None:
                now = self._clock.time()
                cursor = Cursor(source=source, position=str(int(now * 1e6)), at=rfc3339(now))
                await self._context.produce([cursor_record(self._context.topics, cursor)])
            floors[source] = int(cursor.position)
        return floors


def _deletion(message: Message, now: float) -> Feedback:
    return Feedback(
        id=f"slack:{message.channel}:{message.ts}",
        text="",
        source=message.source,
        revision=max(int(now * 1_000_000), message.revision + 1),
        kind="delete",
        created_at=rfc3339(message.sent / 1_000_000),
        received_at=rfc3339(now),
    )


def _ts(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"

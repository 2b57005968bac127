"""Sends the stream's lines to the broker: queued, counted, in batches, none dropped."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from feedback_app.hop.errors import BadRecord, TransientError
from feedback_app.hop.types import Output
from feedback_app.sources.protocol import Context
from feedback_app.sources.records import (
    cursor_record,
    dead_letter,
    dead_letter_records,
    dumped,
    feedback_records,
)
from feedback_app.sources.x.backoff import ConnectionLost
from feedback_app.sources.x.budget import Spend, Users, key
from feedback_app.sources.x.client import DEPENDENCY
from feedback_app.sources.x.posts import read_post, usernames
from feedback_app.sources.x.rules import source_of
from models import DeadLetter, Feedback

log = logging.getLogger(__name__)

STAGE = "x-stream"
QUEUE = 20_000
BATCH = 500
REMEMBERED = 20_000
"""Posts that are recognised when X sends them a second time."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line on its way to the broker: a post or a dead letter."""

    source: str
    feedback: Feedback | None = None
    dead: DeadLetter | None = None


class SendBuffer:
    """Queues lines and sends them; `sent` is called after each batch that the broker has."""

    def __init__(self, context: Context, resend_s: float, sent: Callable[[], None]) -> None:
        self._context, self._clock = context, context.clock
        self._resend_s, self._sent = resend_s, sent
        self._lines: asyncio.Queue[Line] = asyncio.Queue(QUEUE)
        self._spends: dict[str, Spend] = {}
        self._users = Users()
        self._seen: dict[str, None] = {}
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self.unsent = 0
        """Queued lines that the broker does not have yet."""
        self.last_message: dict[str, str | None] = {}
        """The time of the last post by source id, RFC 3339."""
        self.newest: dict[str, int] = {}
        """The highest post id by source id."""

    def put(self, body: object, raw: bytes, wanted: Mapping[str, str]) -> None:
        """Queue the post in a decoded line for one of {source: query}; None stands for no JSON.

        Raises ConnectionLost where the broker is so slow that the queue is full.
        """
        now, number = self._clock.time(), 0
        body = body if isinstance(body, dict) else {}
        source = source_of(body.get("matching_rules"), wanted) if body else next(iter(wanted))
        if source is None:
            return
        try:
            number, post = read_post(body.get("data"), source, usernames(body.get("includes")), now)
        except BadRecord as error:
            line = Line(source, dead=dead_letter(source, STAGE, raw, str(error), now))
        else:
            if self._seen_before(str(number)):
                return
            line = Line(source, feedback=post)
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            raise ConnectionLost(DEPENDENCY, "the broker is too slow for the stream") from None
        if line.feedback is not None:
            self.newest[source] = max(number, self.newest.get(source, 0))
        self.unsent += 1
        self._all_sent.clear()

    async def run(self) -> None:
        """Send what is queued, with retries; runs until it is cancelled."""
        while True:
            batch = [await self._lines.get()]
            while len(batch) < BATCH and not self._lines.empty():
                batch.append(self._lines.get_nowait())
            await self._retry_forever(batch)
            self.unsent -= len(batch)
            if not self.unsent:
                self._all_sent.set()
            self._sent()

    async def _retry_forever(self, batch: list[Line]) -> None:
        """Send a batch; if the broker refuses it, each line alone, and the bad one to the DLQ."""
        while True:
            try:
                return await self._send(batch)
            except TransientError as found:
                log.warning("X stream: %s", found)
                await self._clock.sleep(self._resend_s)
            except Exception as error:
                if len(batch) == 1:
                    return await self._send_to_dlq(batch[0], error)
                for each in batch:
                    await self._retry_forever([each])
                return None

    async def _send_to_dlq(self, line: Line, error: Exception) -> None:
        log.error("X stream: the broker refused a post: %s", error)
        if line.feedback is not None:  # else the dead letter itself was refused
            value, now = dumped(line.feedback.asdict()), self._clock.time()
            reason = f"{type(error).__name__}: {error}"
            dead = dead_letter(line.source, STAGE, value, reason, now)
            await self._retry_forever([Line(line.source, dead=dead)])

    async def drained(self, seconds: float) -> None:
        """Return once the broker has everything, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._all_sent.wait()
        except TimeoutError:
            log.warning("X stream: %d posts still wait for the broker", self.unsent)

    def tally(self, source: str) -> Spend:
        """Return what the stream bought for a source."""
        shared = Spend.of(self._context.shared.cursors.get(key(f"{source}/stream")))
        return max(self._spends.get(source, Spend()), shared, key=Spend.rank)

    def _seen_before(self, number: str) -> bool:
        if number in self._seen:
            return True
        self._seen[number] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return False

    async def _send(self, batch: list[Line]) -> None:
        topics, now = self._context.topics, self._clock.time()
        outputs: list[Output] = []
        spends, users = {}, set[str]()
        for source in {each.source for each in batch}:
            posts = [each.feedback for each in batch if each.feedback and each.source == source]
            dead = [each.dead for each in batch if each.dead and each.source == source]
            new = self._users.fresh(posts, now) - users
            users |= new
            bought = len(posts) + len(dead)
            spends[source] = self.tally(source).plus(bought, 0, now, len(new))
            tally = spends[source].cursor(f"{source}/stream", now)
            outputs += feedback_records(topics, posts)
            outputs += [*dead_letter_records(topics, source, dead), cursor_record(topics, tally)]
        await self._context.produce(outputs)
        self._spends |= spends
        self._users.add(users, now)
        for each in batch:
            if each.feedback is not None:
                self.last_message[each.source] = each.feedback.created_at

"""Notices about the app itself, posted into the operations channel: each once, and in order."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from mode import Service

from feedback_app.alerting.markup import escape
from feedback_app.alerting.message import Message, section
from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError
from feedback_app.slack.client import LookFailed, SlackClient
from feedback_app.slack.outcome import Done, NotDone, Outcome, Refused, Uncertain

log = logging.getLogger(__name__)

EVENT_TYPE = "feedback_notice"
LENGTH = 2000
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
SURE_S = 15.0
"""How long after a post its absence from the history means that Slack did not take it."""
MARGIN_S = 120.0
"""How long before a notice was written the history is read from."""
REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the operations channel.

    `id` is the same whoever posts it. `written_at` is when it was decided on (Unix seconds), and
    `perhaps_posted_at` the latest time at which somebody else may have posted it, if any may.
    """

    id: str
    text: str
    written_at: float
    perhaps_posted_at: float | None = None


class Notices(Service):
    """Posts notices one after the other and waits out whatever is wrong with Slack.

    Beside that it keeps what stages of this worker had to `tell`, until the leader has taken it.
    """

    def __init__(self, channel: str | None, slack: SlackClient, clock: Clock) -> None:
        super().__init__()
        self._channel, self._slack, self._clock = channel, slack, clock
        self.raised: dict[str, str] = {}
        """{what it is about: text} of what was told and not taken yet."""
        self._queue: asyncio.Queue[tuple[Notice, Callable[[], bool]]] = asyncio.Queue()
        self._queued: set[str] = set()
        self._posted: dict[str, None] = {}

    def tell(self, key: str, text: str) -> None:
        """Raise what a stage met; `key` names what it is about. The leader makes a notice of it."""
        log.warning("%s: %s", key, text)
        self.raised[key] = text

    def post(self, notice: Notice, wanted: Callable[[], bool]) -> bool:
        """Return whether a notice stands in Slack, and see to it that it will; never waits.

        It is given up once `wanted` says no. Without a channel it counts as posted.
        """
        if self._channel is None or notice.id in self._posted:
            return True
        if notice.id not in self._queued:
            self._queued.add(notice.id)
            self._queue.put_nowait((notice, wanted))
        return False

    @Service.task
    async def _work(self) -> None:
        while not self.should_stop:
            notice, wanted = await self._queue.get()
            try:
                if self._channel is not None and await self._retry_forever(
                    self._channel, notice, wanted
                ):
                    self._posted[notice.id] = None
                    if len(self._posted) > REMEMBERED:
                        del self._posted[next(iter(self._posted))]
            except Exception:
                # A bug here must not end the worker; the notice is asked for again.
                log.exception("a notice was not posted: %s", notice.text)
                await self._clock.sleep(LONGEST_WAIT_S)
            finally:
                self._queued.discard(notice.id)

    async def _retry_forever(self, name: str, notice: Notice, wanted: Callable[[], bool]) -> bool:
        """Return True once the notice stands in the channel, False once it is not wanted."""
        wait, uncertain = FIRST_WAIT_S, notice.perhaps_posted_at
        while wanted():
            outcome = await self._attempt(name, notice, wanted, uncertain)
            if isinstance(outcome, Done):
                return True
            if isinstance(outcome, Uncertain):
                uncertain = self._clock.time()
            log.warning("the operations channel %s takes no notice: %s", name, outcome.error)
            asked = outcome.retry_after if isinstance(outcome, NotDone) else None
            await self._clock.sleep(wait if asked is None else asked)
            wait = min(2 * wait, LONGEST_WAIT_S)
        return False

    async def _attempt(
        self, name: str, notice: Notice, wanted: Callable[[], bool], uncertain: float | None
    ) -> Outcome:
        try:
            channel = (await self._slack.channel_ids([name]))[name]
        except (ConfigurationError, TransientError) as error:
            return NotDone(str(error), getattr(error, "retry_after", None))
        if uncertain is not None:
            await self._clock.sleep(max(0.0, uncertain + SURE_S - self._clock.time()))
            found = await self._look(channel, notice)
            if found is not None:
                return found
        return await self._slack.post(channel, message(notice), wanted)

    async def _look(self, channel: str, notice: Notice) -> Done | NotDone | None:
        """Return the message if it stands there, None if not, NotDone if that cannot be known."""
        try:
            since = notice.written_at - MARGIN_S
            messages = await self._slack.find(channel, since, EVENT_TYPE)
        except LookFailed as failed:
            if isinstance(failed.outcome, Refused):
                return None  # it will never be readable: rather twice than never
            wait = failed.outcome.retry_after if isinstance(failed.outcome, NotDone) else None
            return NotDone(f"its history cannot be read: {failed}", wait)
        return next((Done(one.ts) for one in messages if one.lookup == notice.id), None)


def message(notice: Notice) -> Message:
    """Return what stands in Slack; nothing in the text pings or links."""
    shown = escape(notice.text, LENGTH)
    payload = {"event_type": EVENT_TYPE, "event_payload": {"id": notice.id}}
    return Message(shown, [section(shown)], payload)

"""Notices about the app itself, posted into the operations channel: each once, and in order."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from mode import Service

from feedback_app.alerting.outcome import Done, NotDone, Outcome, Refused, Uncertain, retry_after
from feedback_app.alerting.receivers.base import FindFailed, Receiver
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.backoff import Backoff
from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError

log = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
SURE_S = 15.0
"""How long after a post its absence from the history means that it was not carried out."""
MARGIN_S = 120.0
"""How long before a notice was written the history is read from."""
REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the operations channel.

    `id` is the same whoever posts it. `written_at` is when it was decided on (Unix seconds), and
    `perhaps_posted_at` the latest time at which another worker may have posted it, if any may.
    """

    id: str
    text: str
    written_at: float
    perhaps_posted_at: float | None = None


class Notices(Service):
    """Posts notices one after the other, and retries whatever fails.

    It also keeps what the stages of this worker raised, until the leader has recorded it.
    """

    def __init__(
        self,
        channel: str | None,
        receivers: Receivers,
        clock: Clock,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__()
        self._channel, self._receivers, self._clock = channel, receivers, clock
        self._uniform = uniform
        self.raised: dict[str, str] = {}
        """{what it is about: text} of what was raised and not recorded yet."""
        self._queue: asyncio.Queue[tuple[Notice, Callable[[], bool]]] = asyncio.Queue()
        self._queued: set[str] = set()
        self._posted: dict[str, None] = {}

    def tell(self, key: str, text: str) -> None:
        """Raise what a stage met; `key` names what it is about. The leader makes a notice of it."""
        log.warning("%s: %s", key, text)
        self.raised[key] = text

    def post(self, notice: Notice, wanted: Callable[[], bool]) -> bool:
        """Return whether a notice stands in its channel, and ensure that it will; never waits.

        It is dropped once `wanted` says no. Without a channel it counts as posted.
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
        receiver, uncertain = self._receivers.of(name), notice.perhaps_posted_at
        backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S, uniform=self._uniform)
        while wanted():
            outcome = await self._attempt(receiver, name, notice, wanted, uncertain)
            if isinstance(outcome, Done):
                return True
            if isinstance(outcome, Uncertain):
                uncertain = self._clock.time()
            log.warning("the operations channel %s takes no notice: %s", name, outcome.error)
            await self._clock.sleep(backoff.next(retry_after(outcome)))
        return False

    async def _attempt(
        self,
        receiver: Receiver,
        name: str,
        notice: Notice,
        wanted: Callable[[], bool],
        uncertain: float | None,
    ) -> Outcome:
        try:
            resolved = await receiver.resolve([name])
        except (ConfigurationError, TransientError) as error:
            return NotDone(str(error), getattr(error, "retry_after", None))
        if name not in resolved.ids:
            return NotDone(resolved.unknown[name])
        channel = resolved.ids[name]
        if uncertain is not None:
            await self._clock.sleep(max(0.0, uncertain + SURE_S - self._clock.time()))
            found = await self._find(receiver, channel, notice)
            if found is not None:
                return found
        return await receiver.post(channel, receiver.notice(notice.id, notice.text), wanted)

    async def _find(
        self, receiver: Receiver, channel: str, notice: Notice
    ) -> Done | NotDone | None:
        """Return the message if it stands there, None if not, NotDone if that cannot be known."""
        try:
            messages = await receiver.find(channel, notice.written_at - MARGIN_S, "notice")
        except FindFailed as failed:
            if isinstance(failed.outcome, Refused):
                return None  # it will never be readable: rather twice than never
            wait = retry_after(failed.outcome)
            return NotDone(f"its history cannot be read: {failed}", wait)
        return next((Done(one.ts) for one in messages if one.lookup == notice.id), None)

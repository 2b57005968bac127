"""Notices about the app itself, for the operations channel."""

import asyncio
import hashlib
import logging

from mode import Service

from feedback_app.alerting.markup import escape
from feedback_app.alerting.message import Message, section
from feedback_app.alerting.outcome import Done, Refused
from feedback_app.alerting.slack_client import SlackClient
from feedback_app.clock import Clock
from feedback_app.hop.errors import OutsideFault
from feedback_app.settings import ConfigurationError

log = logging.getLogger(__name__)

QUIET_S = 3600.0
"""A notice of the same key is not repeated within this time."""
LENGTH = 2000
RETRY_S = 30.0


class Notices(Service):
    """Logs each notice, and posts it where an operations channel is configured."""

    def __init__(self, channel: str | None, slack: SlackClient, clock: Clock) -> None:
        super().__init__()
        self._channel, self._slack, self._clock = channel, slack, clock
        self._told: dict[str, float] = {}
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def tell(self, key: str, text: str) -> None:
        """Tell the operations channel; `key` names what it is about."""
        now = self._clock.monotonic()
        if now - self._told.get(key, -QUIET_S) < QUIET_S:
            return
        self._told[key] = now
        log.warning("notice %s: %s", key, text)
        if self._channel is not None:
            self._queue.put_nowait((key, text))

    @Service.task
    async def _post(self) -> None:
        while not self.should_stop and self._channel is not None:
            key, text = await self._queue.get()
            digest = hashlib.sha256(f"{key}{self._clock.time()}".encode()).hexdigest()[:32]
            shown = escape(text, LENGTH)
            payload = {"event_type": "feedback_notice", "event_payload": {"id": digest}}
            message = Message(shown, [section(f":warning: {shown}")], payload)
            while not await self._sent(self._channel, message):
                await self._clock.sleep(RETRY_S)

    async def _sent(self, name: str, message: Message) -> bool:
        try:
            channel = (await self._slack.channel_ids([name]))[name]
        except (ConfigurationError, OutsideFault) as error:
            log.warning("the operations channel %s cannot be found: %s", name, error)
            return False
        outcome = await self._slack.post(channel, message, lambda: True)
        if isinstance(outcome, Refused):
            log.error("the notice was refused by Slack (%s): %s", outcome.error, message.text)
        return isinstance(outcome, Done | Refused)

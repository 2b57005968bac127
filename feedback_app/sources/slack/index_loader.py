"""Keeps the message index up to date with what all workers took in, for reads of the history."""

import asyncio
import logging
from collections.abc import Callable

from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.sources.dependencies import HighWatermarkReader
from feedback_app.sources.protocol import Context
from feedback_app.sources.slack.message_index import MessageIndex
from models import InvalidRecord, ScoredFeedback

log = logging.getLogger(__name__)

HOURS = 25.0
REFRESH_S = 60.0
RETRY_S = 2.0
KEY = b"slack:"


class MessageIndexLoader:
    """Restores a `MessageIndex` from the topic `scored`.

    Every worker reads the last day of it at the start. Then only the leader reads on, because
    only the leader reads the history on a timer.
    """

    def __init__(
        self,
        context: Context,
        reader: HighWatermarkReader,
        index: MessageIndex,
        leading: Callable[[], bool],
    ) -> None:
        self._clock, self._reader, self._index = context.clock, reader, index
        self._leading, self._topic = leading, context.topics.scored
        self._next = dict.fromkeys(range(self._topic.partitions), 0)
        self.loaded = asyncio.Event()
        """Set once the topic was read to its high watermark."""

    async def run(self) -> None:
        """Load the index, then refresh it; runs until it is cancelled."""
        await self.load()
        while True:
            await self._clock.sleep(REFRESH_S)
            if self._leading():
                await self.load()

    async def load(self) -> None:
        """Read to the high watermark, with retries."""
        while True:
            try:
                self._next = await self._reader.read_to_high_watermark(
                    self._topic.name, self._next, HOURS, self._add
                )
            except TransientError as fault:
                log.warning("the messages of Slack in `scored` cannot be read: %s", fault)
                await self._clock.sleep(RETRY_S)
            else:
                self.loaded.set()
                return

    def _add(self, row: Row) -> None:
        if row.key is None or not row.key.startswith(KEY):
            return
        try:
            self._index.remember(ScoredFeedback.decode(row.value).feedback)
        except InvalidRecord as error:
            log.warning("left out a scored record: %s", error)

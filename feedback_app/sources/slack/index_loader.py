"""What the cluster knows of Slack's messages, for the reader of its history."""

import logging
from collections.abc import Callable

from mode import Service

from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topic
from feedback_app.sources.slack.message_index import MessageIndex
from models import InvalidRecord, ScoredFeedback

log = logging.getLogger(__name__)

HOURS = 25.0
REFRESH_S = 60.0
RETRY_S = 2.0
KEY = b"slack:"


class MessageIndexLoader(Service):
    """Keeps a `MessageIndex` up with what every worker took in, from the topic `scored`.

    Read whole at the start, and on by the leader alone, which is who reads the history.
    """

    def __init__(
        self,
        topic_reader: TopicReader,
        scored: Topic,
        index: MessageIndex,
        leading: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._topic_reader, self._scored, self._known = topic_reader, scored, index
        self._leading = leading
        self._next = dict.fromkeys(range(scored.partitions), 0)

    async def load(self) -> None:
        """Read on to the end; an outside fault is waited out."""
        while not self.should_stop:
            try:
                ends = await self._topic_reader.read_to_high_watermark(
                    self._scored.name, self._next, HOURS, self._take
                )
            except TransientError as fault:
                log.warning("what is known of Slack cannot be read: %s", fault)
                await self.sleep(RETRY_S)
            else:
                self._next = ends
                return

    @Service.task
    async def _refresh(self) -> None:
        while not self.should_stop:
            await self.sleep(REFRESH_S)
            if self._leading():
                await self.load()

    def _take(self, row: Row) -> None:
        if row.key is None or not row.key.startswith(KEY):
            return
        try:
            self._known.remember(ScoredFeedback.decode(row.value).feedback)
        except InvalidRecord as error:
            log.warning("left out a scored record: %s", error)

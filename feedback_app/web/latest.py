"""The page's tail of `scored` and `deliveries`, read only while somebody looks at the page."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import reader
from feedback_app.kafka.reader import tail
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import Delivery, InvalidRecord, ScoredFeedback

log = logging.getLogger(__name__)

MAX_RECORDS = 200
"""Records kept of each topic."""
READ_EVERY_S = 0.5
RETRY_S = 2.0


class Latest(Service):
    """Keeps the last messages and alerts of the cluster, newest last.

    At a high rate it reads the last few records of a partition and skips the rest, so its cost
    does not grow with the rate. `on_change` is called after each read.
    """

    def __init__(self, settings: Settings, topics: Topics, on_change: Callable[[], None]) -> None:
        super().__init__()
        self.scored: deque[ScoredFeedback] = deque(maxlen=MAX_RECORDS)
        self.deliveries: deque[Delivery] = deque(maxlen=MAX_RECORDS)
        self._settings, self._topics, self._on_change = settings, topics, on_change
        self._watched = asyncio.Event()
        self._tps = [
            TopicPartition(topic.name, number)
            for topic in (topics.scored, topics.deliveries)
            for number in range(topic.partitions)
        ]

    def watch(self) -> None:
        """Have the next read done, because somebody looks."""
        self._watched.set()

    @Service.task
    async def _run(self) -> None:
        seen: dict[TopicPartition, int] = {}
        while not self.should_stop:
            try:
                async with reader(self._settings) as consumer:
                    await self._follow(consumer, seen)
            except (TransientError, KafkaError, OSError, TimeoutError) as error:
                log.warning("the latest messages cannot be read: %s", error)
                await self.sleep(RETRY_S)

    async def _follow(self, consumer: AIOKafkaConsumer, seen: dict[TopicPartition, int]) -> None:
        """Read on from the offsets in `seen` each time that somebody looks."""
        consumer.assign(self._tps)
        while not self.should_stop:
            for tp, row in await tail(consumer, self._tps, seen):
                self._keep(tp.topic, row.value)
            # Else the client prefetches what nobody looks at.
            consumer.pause(*self._tps)
            self._on_change()
            self._watched.clear()
            await self.wait(self._watched)  # type: ignore[arg-type]
            await self.sleep(READ_EVERY_S)
            consumer.resume(*self._tps)

    def _keep(self, topic: str, value: bytes | None) -> None:
        if value is None:
            return
        try:
            if topic == self._topics.scored.name:
                self.scored.append(ScoredFeedback.decode(value))
            else:
                self.deliveries.append(Delivery.decode(value))
        except InvalidRecord as error:
            log.warning("skipped a record of %s: %s", topic, error)

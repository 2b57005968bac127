"""The latest messages and alerts for the page: a bounded tail of two topics, read while watched."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import reader
from feedback_app.kafka.reader import tail
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import Delivery, InvalidRecord, ScoredFeedback

log = logging.getLogger(__name__)

KEPT = 200
EVERY_S = 0.5


class Latest(Service):
    """Keeps the last messages and alerts of the cluster; reads only while somebody looks.

    At a high rate it takes the last few records a partition and skips the rest, so it costs the
    same however much passes.
    """

    def __init__(self, settings: Settings, topics: Topics, changed: Callable[[], None]) -> None:
        super().__init__()
        self.scored: deque[ScoredFeedback] = deque(maxlen=KEPT)
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self._settings, self._topics, self._changed = settings, topics, changed
        self._watched = asyncio.Event()

    def watch(self) -> None:
        """Somebody looks: read on for a while."""
        self._watched.set()

    @Service.task
    async def _follow(self) -> None:
        scored, deliveries = self._topics.scored, self._topics.deliveries
        numbers = range(scored.partitions)
        tps = [TopicPartition(topic.name, n) for topic in (scored, deliveries) for n in numbers]
        seen: dict[TopicPartition, int] = {}
        while not self.should_stop:
            try:
                async with reader(self._settings) as consumer:
                    consumer.assign(tps)
                    while not self.should_stop:
                        for topic, value in [
                            (tp.topic, found.value) for tp, found in await tail(consumer, tps, seen)
                        ]:
                            self._take(topic, value)
                        # Else the client goes on to fetch what nobody looks at.
                        consumer.pause(*tps)
                        self._changed()
                        self._watched.clear()
                        await self.wait(self._watched)  # type: ignore[arg-type]
                        await self.sleep(EVERY_S)
                        consumer.resume(*tps)
            except (TransientError, KafkaError, OSError, TimeoutError) as error:
                log.warning("the latest messages cannot be read: %s", error)
                await self.sleep(2.0)

    def _take(self, topic: str, value: bytes | None) -> None:
        if value is None:
            return
        try:
            if topic == self._topics.scored.name:
                self.scored.append(ScoredFeedback.decode(value))
            else:
                self.deliveries.append(Delivery.decode(value))
        except InvalidRecord as error:
            log.warning("left out a record of %s: %s", topic, error)

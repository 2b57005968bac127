"""The auditor: an independent consumer that follows the topics."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from feedback_app.demo.tally import Tally
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import reader
from feedback_app.settings import Settings

NAMES = ("raw", "scored", "alerts", "deliveries", "dead-letters")


class Auditor:
    """Follows the five pipeline topics without joining a consumer group."""

    def __init__(self, settings: Settings) -> None:
        self.tally = Tally()
        self._settings = settings
        prefix = settings.topic_prefix
        self._tps = [
            TopicPartition(f"{prefix}{name}", number)
            for name in NAMES
            for number in range(1 if name == "dead-letters" else settings.partitions)
        ]
        self._next = dict.fromkeys(self._tps, 0)

    async def follow(self) -> None:
        """Read until cancelled; retry while the broker is unavailable."""
        while True:
            try:
                async with reader(self._settings) as consumer:
                    self._assign(consumer)
                    while True:
                        await self._consume(consumer, timeout_ms=500)
            except (TransientError, KafkaError, OSError):
                await asyncio.sleep(0.5)

    async def read_to_high_watermark(self) -> None:
        """Read to the current high watermarks; raises TransientError if Kafka is unavailable."""
        async with reader(self._settings) as consumer:
            self._assign(consumer)
            ends = await consumer.end_offsets(self._tps)
            while any(self._next[tp] < end for tp, end in ends.items()):
                await self._consume(consumer, timeout_ms=500)

    def _assign(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign(self._tps)
        for tp, offset in self._next.items():
            consumer.seek(tp, offset)

    async def _consume(self, consumer: AIOKafkaConsumer, timeout_ms: int) -> None:
        prefix_length = len(self._settings.topic_prefix)
        for tp, records in (await consumer.getmany(timeout_ms=timeout_ms)).items():
            for record in records:
                self.tally.apply(tp.topic[prefix_length:], record.key, record.value)
            self._next[tp] = records[-1].offset + 1

"""Sends outputs: one produce batch and one future per partition, not per record."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

import aiokafka
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from aiokafka.partitioner import DefaultPartitioner

from feedback_app.hop.errors import BadRecord, TransientError
from feedback_app.hop.types import Output

REJECTED = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    CorruptRecordException,
    InvalidTopicError,
)
"""Errors about the record itself, which no retry fixes."""


class BatchProducer:
    """Sends outputs with the app's producer; see `types.Produce` for the contract."""

    def __init__(self, producer: Callable[[], aiokafka.AIOKafkaProducer]) -> None:
        self._producer = producer
        self._partitioner = DefaultPartitioner()
        self._partitions: dict[str, list[int]] = {}

    async def produce(self, outputs: Sequence[Output]) -> None:
        """Send all outputs and wait until the broker has acknowledged all of them."""
        try:
            await self._produce(outputs)
        except REJECTED as error:
            raise BadRecord(f"the broker refused it: {error}", type(error).__name__) from error
        except (KafkaError, OSError, ssl.SSLError, TimeoutError) as error:
            raise TransientError("kafka", f"{type(error).__name__}: {error}") from error

    async def _produce(self, outputs: Sequence[Output]) -> None:
        producer = self._producer()
        building: dict[tuple[str, int], aiokafka.producer.message_accumulator.BatchBuilder] = {}
        sent: list[asyncio.Future[object]] = []
        for topic, key, value, chosen in outputs:
            partition = chosen if chosen is not None else await self._partition(topic, key)
            place = (topic, partition)
            batch = building.get(place)
            if batch is None or batch.append(timestamp=None, key=key, value=value) is None:
                if batch is not None:  # full
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = building[place] = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)  # a first record always fits
        for (topic, partition), batch in building.items():
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        if sent:
            await asyncio.wait(sent)
        for future in sent:
            future.result()

    async def _partition(self, topic: str, key: bytes | None) -> int:
        if topic not in self._partitions:
            self._partitions[topic] = sorted(await self._producer().partitions_for(topic))
        partitions = self._partitions[topic]
        return int(self._partitioner(key, partitions, partitions))

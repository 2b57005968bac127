"""A steady load, and its records read back from the topics."""

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.testbed import Testbed, record
from benchmarks.texts import Text

PARTITIONS = 12
TICK_S = 0.02


class Stamped(NamedTuple):
    """A record of a topic with its timestamp `at` in Unix seconds."""

    partition: int
    offset: int
    at: float
    value: bytes


class Feeder:
    """Sends messages to `raw`, round-robin over the partitions, at an adjustable rate."""

    def __init__(self, testbed: Testbed, every: Sequence[Text], rate: float) -> None:
        """Cycle through the texts of `every`; `rate` is messages a second."""
        self._stand, self._every, self.rate = testbed, every, rate
        self.sent = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        topic, then, owed = self._stand.topics.raw.name, time.monotonic(), 0.0
        while True:
            now = time.monotonic()
            owed, then = owed + self.rate * (now - then), now
            while owed >= 1:
                number = self.sent
                value = record(number, self._every[number % len(self._every)])
                key, partition = f"bench:{number}".encode(), number % PARTITIONS
                await self._stand.producer.send(topic, value, key, partition=partition)
                self.sent, owed = number + 1, owed - 1
            await asyncio.sleep(TICK_S)

    async def stop(self) -> int:
        """Stop, and return the number of messages sent, once all are acknowledged."""
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._stand.producer.flush()
        return self.sent


async def read_all(bootstrap: str, topic: str) -> list[Stamped]:
    """Return all records of a topic, in order within each partition."""
    found: list[Stamped] = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as reader:
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        reader.assign(tps)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(tps)
        while any([await reader.position(tp) < ends[tp] for tp in tps]):
            for tp, records in (await reader.getmany(timeout_ms=500)).items():
                found += [
                    Stamped(tp.partition, r.offset, r.timestamp / 1000, r.value) for r in records
                ]
    return found


def longest_gap(every: Sequence[Stamped], since: float, until: float) -> float:
    """Return the longest time in seconds without a record of some partition between two moments.

    Only the part of a gap between the moments counts, also before the first and after the last
    record.
    """
    longest = 0.0
    for partition in range(PARTITIONS):
        times = sorted(row.at for row in every if row.partition == partition)
        marks = [since, *(at for at in times if since < at < until), until]
        longest = max(longest, *(b - a for a, b in pairwise(marks)))
    return longest

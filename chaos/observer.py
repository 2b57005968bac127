"""The auditor's eyes: Kafka by a plain consumer, the sandbox by its log; no code of the app."""

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from chaos.seen import Outside, Record, Topics

NAMES = ("raw", "scored", "alerts", "deliveries", "stats", "dead-letters")
SINGLE = ("stats", "dead-letters")
"""Topics of one partition."""


class Observer:
    """Follows the topics of a prefix and the log of a sandbox; disturbs no group."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int, log: Path) -> None:
        self.outside = Outside()
        self._topics = Topics()
        self._bootstrap, self._prefix, self._log = bootstrap, prefix, log
        self._read_to = 0
        self._next = {
            TopicPartition(f"{prefix}{name}", number): 0
            for name in NAMES
            for number in range(1 if name in SINGLE else partitions)
        }
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def topics(self) -> Topics:
        """What has been seen; raises what ended the observer, if anything did."""
        if self._task is not None and self._task.done():
            self._task.result()
        return self._topics

    def read_log(self) -> Outside:
        """Read what the sandbox's log has got since the last time, and return what it tells."""
        with self._log.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                self.outside.take(orjson.loads(line))
        return self.outside

    async def read_to_high_watermark(self) -> None:
        """Return once everything that is in the topics now has been taken in."""
        consumer = await self._consumer()
        try:
            ends: Mapping[Any, int] = await consumer.end_offsets(list(self._next))
        finally:
            await consumer.stop()
        while any(self._next[tp] < end for tp, end in ends.items()):
            await asyncio.sleep(0.05)

    async def _follow(self) -> None:
        # The library tells of every lost connection; here they are lost on purpose.
        log = logging.getLogger("aiokafka")
        before = log.level
        log.setLevel(logging.CRITICAL)
        try:
            await self._read_on()
        finally:
            log.setLevel(before)

    async def _read_on(self) -> None:
        while True:
            try:
                consumer = await self._consumer()
            except (KafkaError, OSError):
                await asyncio.sleep(0.5)
                continue
            try:
                while True:
                    for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                        self._take(tp, records)
            except (KafkaError, OSError):
                await asyncio.sleep(0.5)
            finally:
                await consumer.stop()

    async def _consumer(self) -> Any:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.assign(list(self._next))
        for tp, offset in self._next.items():
            consumer.seek(tp, offset)
        return consumer

    def _take(self, tp: Any, records: list[Any]) -> None:
        name, now = tp.topic[len(self._prefix) :], time.monotonic()
        for record in records:
            seen = Record(tp.partition, record.offset, record.key, record.value, now)
            self._topics.take(name, seen)
        self._next[tp] = records[-1].offset + 1

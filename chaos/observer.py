"""Observes Kafka with a plain consumer and the sandbox through its log, for the audit."""

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from chaos.observed import Platforms, Record, TopicContents

NAMES = ("raw", "scored", "alerts", "deliveries", "stats", "dead-letters")
SINGLE = ("stats", "dead-letters")
"""Topics of one partition."""


class Observer:
    """Follows the topics of a prefix and the log of a sandbox, without a consumer group."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int, log: Path) -> None:
        self.platforms = Platforms()
        self._topics = TopicContents()
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
    def topics(self) -> TopicContents:
        """What has been observed; re-raises the exception that ended the observer."""
        if self._task is not None and self._task.done():
            self._task.result()
        return self._topics

    def read_log(self) -> Platforms:
        """Read the new lines of the sandbox's log and return its contents."""
        with self._log.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                self.platforms.add(orjson.loads(line))
        return self.platforms

    async def read_to_high_watermark(self) -> None:
        """Return once the topics have been read to their present end."""
        consumer = await self._consumer()
        try:
            ends: Mapping[Any, int] = await consumer.end_offsets(list(self._next))
        finally:
            await consumer.stop()
        while any(self._next[tp] < end for tp, end in ends.items()):
            await asyncio.sleep(0.05)

    async def _follow(self) -> None:
        # aiokafka logs every lost connection; here they are cut on purpose.
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
                        self._add(tp, records)
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

    def _add(self, tp: Any, records: list[Any]) -> None:
        name, now = tp.topic[len(self._prefix) :], time.monotonic()
        for record in records:
            observed = Record(tp.partition, record.offset, record.key, record.value, now)
            self._topics.add(name, observed)
        self._next[tp] = records[-1].offset + 1

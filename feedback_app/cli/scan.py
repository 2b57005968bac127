"""A stretch of time of a topic, read without a group, so that no running worker notices."""

import re
import time
from collections.abc import Callable, Iterable

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.clients import DEPENDENCY, reader
from feedback_app.kafka.reader import row
from feedback_app.settings import Settings
from models import from_rfc3339

CHUNK = 2000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Time(click.ParamType):
    """An option's time in Unix seconds: RFC 3339, or how long ago (`90m`, `6h`, `2d`)."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the time; fails with what is expected."""
        if isinstance(value, float):
            return value
        text = str(value)
        # Kafka takes no time before 1970, and there is no older record.
        if match := re.fullmatch(r"(\d+)([smhd])", text):
            now = time.time()
            return now - min(now, int(match[1]) * _UNITS[match[2]])
        try:
            return max(0.0, from_rfc3339(text))
        except ValueError as error:
            self.fail(
                f"{error}: write 2026-03-01T08:00:00Z, or how long ago, such as 6h or 2d",
                param,
                ctx,
            )


async def scan(
    settings: Settings,
    topic: str,
    since: float | None,
    until: float | None,
    take: Callable[[list[Row]], object],
    started: Callable[[int], object] = lambda total: None,
) -> None:
    """Hand the records of a time (Unix seconds; None is no limit) to `take`, some at a time.

    `started` is told the number of records first. Raises OutsideFault where Kafka fails.
    """
    tps = [TopicPartition(topic, number) for number in range(settings.partitions)]
    async with reader(settings) as consumer:
        try:
            first = await _offsets(consumer, tps, since, await consumer.beginning_offsets(tps))
            last = await _offsets(consumer, tps, until, await consumer.end_offsets(tps))
            started(sum(max(0, last[tp] - first[tp]) for tp in tps))
            await _read(consumer, first, last, take)
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransientError(DEPENDENCY, f"reading {topic}: {error}") from error


async def _offsets(
    consumer: AIOKafkaConsumer,
    tps: Iterable[TopicPartition],
    at: float | None,
    otherwise: dict[TopicPartition, int],
) -> dict[TopicPartition, int]:
    """Return the first offset at or after a time; `otherwise` where no time is given."""
    if at is None:
        return otherwise
    found = await consumer.offsets_for_times(dict.fromkeys(tps, int(at * 1000)))
    ends = await consumer.end_offsets(list(found))
    return {tp: ends[tp] if at is None else at.offset for tp, at in found.items()}


async def _read(
    consumer: AIOKafkaConsumer,
    first: dict[TopicPartition, int],
    last: dict[TopicPartition, int],
    take: Callable[[list[Row]], object],
) -> None:
    left = {tp for tp in first if first[tp] < last[tp]}
    consumer.assign(left)
    for tp in left:
        consumer.seek(tp, first[tp])
    while left:
        batches = await consumer.getmany(*left, timeout_ms=1000, max_records=CHUNK)
        for tp, records in batches.items():
            take([row(record) for record in records if record.offset < last[tp]])
        left = {tp for tp in left if await consumer.position(tp) < last[tp]}

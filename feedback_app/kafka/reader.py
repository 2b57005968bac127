"""The bounded topic reader: partitions from an offset or a time up to their high watermarks.

It joins no group, so it disturbs no worker, and it ends: new records are left for the next read.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.clients import DEPENDENCY, reader
from feedback_app.settings import Settings

CHUNK = 2000
"""Records handled before other tasks get a turn on the event loop."""
TAIL = 50
"""Records of a partition that `tail` returns at most."""

Offsets = dict[TopicPartition, int]


class TopicReader:
    """Reads partitions of a topic, with a consumer of its own for each call.

    A call reads up to the high watermarks at its start. Raises TransientError if Kafka fails.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    async def read_to_high_watermark(
        self,
        topic: str,
        start: dict[int, int],
        hours: float | None,
        apply: Callable[[Row], None],
    ) -> dict[int, int]:
        """Apply every row from {partition: offset} on; return the next offset of each partition.

        Records older than `hours` are skipped; None reads all.
        """
        since = None if hours is None else self._clock.time() - hours * 3600
        tps = [TopicPartition(topic, number) for number in start]
        async with self._consumer(topic) as consumer:
            ends = await consumer.end_offsets(tps)
            first = await _first_offsets(consumer, tps, since, ends)
            offsets = {tp: max(first[tp], start[tp.partition]) for tp in tps}
            async for _, rows in _assigned_chunks(consumer, offsets, ends):
                for row in rows:
                    apply(row)
        return {tp.partition: offset for tp, offset in offsets.items()}

    async def read_between(
        self,
        topic: str,
        partitions: Iterable[int],
        since: float | None,
        until: float | None,
        apply: Callable[[list[Row]], object],
        started: Callable[[int], object] = lambda total: None,
    ) -> None:
        """Apply the rows between two times (Unix seconds; None is no limit), in chunks.

        `started` is called first, with the number of records to come.
        """
        tps = [TopicPartition(topic, number) for number in partitions]
        async with self._consumer(topic) as consumer:
            ends = await consumer.end_offsets(tps)
            offsets = await _first_offsets(consumer, tps, since, ends)
            if until is not None:
                ends = await _first_offsets(consumer, tps, until, ends)
            started(sum(max(0, ends[tp] - offsets[tp]) for tp in tps))
            async for _, rows in _assigned_chunks(consumer, offsets, ends):
                apply(rows)

    @asynccontextmanager
    async def _consumer(self, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
        async with reader(self._settings) as consumer:
            with _transient(topic):
                yield consumer


async def tail(
    consumer: AIOKafkaConsumer, tps: Iterable[TopicPartition], seen: Offsets
) -> list[tuple[TopicPartition, Row]]:
    """Return the records since the offsets in `seen`, which move on; oldest first.

    Of each partition it returns the last 50 at most. The consumer is assigned to the partitions
    already. A partition that cannot be fetched is left for the next call.
    """
    tps = list(tps)
    with _transient(", ".join(sorted({tp.topic for tp in tps}))):
        ends = await consumer.end_offsets(tps)
        offsets = {tp: max(seen.get(tp, 0), ends[tp] - TAIL) for tp in tps}
        chunks = _chunks(consumer, offsets, ends, timeout_ms=200, stop_when_idle=True)
        rows = [(tp, row) async for tp, some in chunks for row in some]
    seen.update(offsets)
    return sorted(rows, key=lambda found: found[1].timestamp)


async def _first_offsets(
    consumer: AIOKafkaConsumer,
    tps: list[TopicPartition],
    since: float | None,
    ends: Mapping[TopicPartition, int],
) -> Offsets:
    """Return the first offset at or after a time; the first of all if no time is given."""
    if since is None:
        return dict(await consumer.beginning_offsets(tps))
    found = await consumer.offsets_for_times(dict.fromkeys(tps, int(since * 1000)))
    return {tp: ends[tp] if at is None else at.offset for tp, at in found.items()}


def _assigned_chunks(
    consumer: AIOKafkaConsumer, offsets: Offsets, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple[TopicPartition, list[Row]]]:
    """Assign the consumer to the partitions that have records, and return their chunks."""
    if unread := [tp for tp, offset in offsets.items() if offset < ends[tp]]:
        consumer.assign(unread)
    return _chunks(consumer, offsets, ends)


async def _chunks(
    consumer: AIOKafkaConsumer,
    offsets: Offsets,
    ends: Mapping[TopicPartition, int],
    timeout_ms: int = 1000,
    stop_when_idle: bool = False,
) -> AsyncIterator[tuple[TopicPartition, list[Row]]]:
    """Yield the rows of each partition from `offsets`, which move on, up to `ends`.

    `stop_when_idle` ends the read with a fetch that returns nothing within the timeout.
    """
    left = {tp for tp, offset in offsets.items() if offset < ends[tp]}
    for tp in left:
        consumer.seek(tp, offsets[tp])
    while left:
        batches = await consumer.getmany(*left, timeout_ms=timeout_ms, max_records=CHUNK)
        if stop_when_idle and not batches:
            return
        for tp, records in batches.items():
            yield tp, [_row(record) for record in records if record.offset < ends[tp]]
        for tp in left:
            # Not the last record's offset: compaction and transaction markers leave gaps.
            offsets[tp] = min(await consumer.position(tp), ends[tp])
        left = {tp for tp in left if offsets[tp] < ends[tp]}


def _row(record: Any) -> Row:
    return Row(record.partition, record.offset, record.key, record.value, record.timestamp / 1000)


@contextmanager
def _transient(what: str) -> Any:
    """Turn errors of the client into TransientError."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(DEPENDENCY, f"reading {what}: {error}") from error

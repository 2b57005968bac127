"""Topics read back without a group: to their present end, or their last few records."""

from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.clients import DEPENDENCY, reader
from feedback_app.settings import Settings

CHUNK = 2000
"""Records handled before others get a turn on the event loop."""
TAIL = 50


class TopicReader:
    """Reads partitions of a topic, with a consumer of its own each time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock

    async def read_to_high_watermark(
        self,
        topic: str,
        start: dict[int, int],
        hours: float | None,
        take: Callable[[Row], None],
    ) -> dict[int, int]:
        """Hand every record from {partition: offset} on to `take`; return the next offsets.

        `hours` leaves out what is older. Raises OutsideFault where Kafka fails.
        """
        async with reader(self._settings) as consumer:
            try:
                return await self._read(consumer, topic, start, hours, take)
            except (KafkaError, OSError, TimeoutError) as error:
                raise TransientError(DEPENDENCY, f"reading {topic}: {error}") from error

    async def _read(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        start: dict[int, int],
        hours: float | None,
        take: Callable[[Row], None],
    ) -> dict[int, int]:
        tps = [TopicPartition(topic, number) for number in start]
        ends = await consumer.end_offsets(tps)
        first = await consumer.beginning_offsets(tps)
        if hours is not None:
            since = int((self._clock.time() - hours * 3600) * 1000)
            for tp, found in (await consumer.offsets_for_times(dict.fromkeys(tps, since))).items():
                first[tp] = max(first[tp], ends[tp] if found is None else found.offset)
        begin = {tp: max(first[tp], start[tp.partition]) for tp in tps}
        left = {tp for tp in tps if begin[tp] < ends[tp]}
        if left:
            consumer.assign(left)
            for tp in left:
                consumer.seek(tp, begin[tp])
        while left:
            batches = await consumer.getmany(*left, timeout_ms=1000, max_records=CHUNK)
            for records in batches.values():
                for record in records:
                    take(row(record))
            left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
        return {tp.partition: max(ends[tp], begin[tp]) for tp in tps}


def row(record: object) -> Row:
    """Return a client record as a row."""
    return Row(
        record.partition,  # type: ignore[attr-defined]
        record.offset,  # type: ignore[attr-defined]
        record.key,  # type: ignore[attr-defined]
        record.value,  # type: ignore[attr-defined]
        record.timestamp / 1000,  # type: ignore[attr-defined]
    )


async def tail(
    consumer: AIOKafkaConsumer, tps: Iterable[TopicPartition], seen: dict[TopicPartition, int]
) -> list[tuple[TopicPartition, Row]]:
    """Return what came since the offsets in `seen`, which move on; oldest first.

    Of a partition in which more than 50 records came it is the last 50.
    """
    tps = list(tps)
    ends = await consumer.end_offsets(tps)
    left = {tp for tp in tps if seen.get(tp, 0) < ends[tp]}
    for tp in left:
        consumer.seek(tp, max(seen.get(tp, 0), ends[tp] - TAIL))
    rows: list[tuple[TopicPartition, Row]] = []
    while left:
        batches = await consumer.getmany(*left, timeout_ms=200, max_records=CHUNK)
        if not batches:
            break
        for tp, records in batches.items():
            rows += [(tp, row(record)) for record in records]
        for tp in list(left):
            seen[tp] = await consumer.position(tp)
        left = {tp for tp in left if seen[tp] < ends[tp]}
    return sorted(rows, key=lambda found: found[1].timestamp)

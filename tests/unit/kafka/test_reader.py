"""The bounded reader: from an offset or a time up to the high watermark, whatever the log holds."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.hop import Row, TransientError
from feedback_app.kafka import reader
from feedback_app.kafka.reader import TAIL, TopicReader, tail
from feedback_app.settings import Settings
from tests.support.clocks import HandClock

ZERO, ONE = TopicPartition("t", 0), TopicPartition("t", 1)
NOW = 1_800_000_000.0


class Record(NamedTuple):
    """A record as the client returns it; the timestamp in milliseconds."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None = None
    value: bytes | None = b"v"


class Offset(NamedTuple):
    """The answer to a look-up by time."""

    offset: int


class Log:
    """Partitions in memory with gaps in their offsets, and a consumer on them."""

    def __init__(self) -> None:
        self.records: dict[TopicPartition, list[Record]] = {ZERO: [], ONE: []}
        self.ends: dict[TopicPartition, int] = {ZERO: 0, ONE: 0}
        self.positions: dict[TopicPartition, int] = {}
        self.assigned: set[TopicPartition] = set()
        self.fetched: set[TopicPartition] = set()
        self.most = 1000
        self.meanwhile: list[tuple[TopicPartition, int]] = []
        self.silent: set[TopicPartition] = set()
        self.fault: Exception | None = None

    def write(self, tp: TopicPartition, offset: int, at: float = NOW) -> None:
        self.records[tp].append(Record(tp.partition, offset, int(at * 1000)))
        self.ends[tp] = max(self.ends[tp], offset + 1)

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.ends[tp] for tp in tps}

    async def beginning_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: next((one.offset for one in self.records[tp]), self.ends[tp]) for tp in tps}

    async def offsets_for_times(
        self, times: dict[TopicPartition, int]
    ) -> dict[TopicPartition, Offset | None]:
        return {
            tp: next((Offset(one.offset) for one in self.records[tp] if one.timestamp >= at), None)
            for tp, at in times.items()
        }

    def assign(self, tps: Iterable[TopicPartition]) -> None:
        self.assigned = set(tps)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        assert tp in self.assigned
        self.positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self.positions[tp]

    async def getmany(
        self, *tps: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Record]]:
        if self.fault is not None:
            raise self.fault
        while self.meanwhile:
            self.write(*self.meanwhile.pop())
        found = {}
        for tp in set(tps) - self.silent:
            self.fetched.add(tp)
            left = [one for one in self.records[tp] if one.offset >= self.positions[tp]]
            some = left[: min(self.most, max_records)]
            # At the end of the log the position is past any gap, as the library has it.
            at_end = len(some) == len(left)
            self.positions[tp] = self.ends[tp] if at_end else some[-1].offset + 1
            if some:
                found[tp] = some
        return found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Return the log that every reader reads."""
    found = Log()

    @asynccontextmanager
    async def connected(settings: Settings) -> AsyncIterator[Any]:
        yield found

    monkeypatch.setattr(reader, "reader", connected)
    return found


def topic_reader() -> TopicReader:
    """Return a reader at the time `NOW`."""
    return TopicReader(Settings(), HandClock(NOW))


async def read(
    start: dict[int, int], hours: float | None = None
) -> tuple[list[tuple[int, int]], dict[int, int]]:
    """Return the partitions and offsets of the rows, and the next offsets."""
    rows: list[Row] = []
    ends = await topic_reader().read_to_high_watermark("t", start, hours, rows.append)
    return [(row.partition, row.offset) for row in rows], ends


async def test_it_reads_from_the_given_offsets_over_gaps_to_the_end(log: Log) -> None:
    for offset in (3, 4, 9):
        log.write(ZERO, offset)
    log.ends[ZERO] = 12  # what follows was compacted away
    log.write(ONE, 0)
    assert await read({0: 0, 1: 1}) == ([(0, 3), (0, 4), (0, 9)], {0: 12, 1: 1})
    assert log.fetched == {ZERO}, "a partition without news is not fetched"
    assert await read({0: 12, 1: 1}) == ([], {0: 12, 1: 1})


async def test_what_comes_meanwhile_is_left_for_the_next_read(log: Log) -> None:
    log.write(ZERO, 0)
    log.meanwhile = [(ZERO, 1)]
    assert await read({0: 0}) == ([(0, 0)], {0: 1})
    assert await read({0: 1}) == ([(0, 1)], {0: 2})


async def test_older_records_are_skipped(log: Log) -> None:
    log.write(ZERO, 0, NOW - 7200)
    log.write(ZERO, 1, NOW - 1800)
    log.write(ONE, 0, NOW - 7200)
    assert await read({0: 0, 1: 0}, hours=1) == ([(0, 1)], {0: 2, 1: 1})


@given(
    offsets=st.sets(st.integers(0, 40)),
    start=st.integers(0, 45),
    trailing_gap=st.integers(0, 3),
    most=st.integers(1, 7),
)
async def test_every_row_is_applied_once_whatever_the_gaps_and_the_fetches(
    offsets: set[int], start: int, trailing_gap: int, most: int
) -> None:
    log = Log()
    log.most = most
    for offset in sorted(offsets):
        log.write(ZERO, offset)
    log.ends[ZERO] += trailing_gap
    rows: list[Row] = []
    with pytest.MonkeyPatch.context() as patch:

        @asynccontextmanager
        async def connected(settings: Settings) -> AsyncIterator[Any]:
            yield log

        patch.setattr(reader, "reader", connected)
        ends = await topic_reader().read_to_high_watermark("t", {0: start}, None, rows.append)
    assert [row.offset for row in rows] == sorted(offset for offset in offsets if offset >= start)
    assert ends == {0: max(start, log.ends[ZERO])}


async def test_a_time_span_is_read_in_chunks_and_its_size_comes_first(log: Log) -> None:
    for offset in range(10):
        log.write(ZERO, offset, NOW + offset)
    log.write(ONE, 0, NOW - 100)
    log.most = 3
    seen: list[object] = []
    await topic_reader().read_between(
        "t",
        (0, 1),
        NOW + 2,
        NOW + 7,
        lambda rows: seen.append([row.offset for row in rows]),
        lambda total: seen.append(total),
    )
    assert seen == [5, [2, 3, 4], [5, 6]]


async def test_without_limits_it_is_everything_that_is_there(log: Log) -> None:
    for offset in (2, 3):
        log.write(ZERO, offset)
    found: list[int] = []
    await topic_reader().read_between(
        "t", (0, 1), None, None, lambda rows: found.extend(row.offset for row in rows)
    )
    assert found == [2, 3]


async def test_a_client_that_fails_is_a_transient_error(log: Log) -> None:
    log.write(ZERO, 0)
    log.fault = KafkaConnectionError("gone")
    with pytest.raises(TransientError, match=r"reading t: .*gone") as caught:
        await read({0: 0})
    assert caught.value.dependency == "kafka"
    log.assign([ZERO])
    with pytest.raises(TransientError, match=r"reading t: .*gone"):
        await tail(cast(AIOKafkaConsumer, log), [ZERO], {})


async def test_a_tail_is_the_last_records_in_order_of_time_and_then_only_new_ones(
    log: Log,
) -> None:
    for offset in range(TAIL + 5):
        log.write(ZERO, offset, NOW + offset)
    log.write(ONE, 0, NOW + 10.5)
    log.assign([ZERO, ONE])
    consumer, seen = cast(AIOKafkaConsumer, log), dict[TopicPartition, int]()
    found = await tail(consumer, [ZERO, ONE], seen)
    assert [row.offset for tp, row in found if tp == ZERO] == list(range(5, TAIL + 5))
    assert found[6] == (ONE, Row(1, 0, None, b"v", NOW + 10.5))
    assert await tail(consumer, [ZERO, ONE], seen) == []
    log.write(ZERO, TAIL + 5)
    assert [row.offset for _, row in await tail(consumer, [ZERO, ONE], seen)] == [TAIL + 5]


async def test_a_tail_does_not_wait_for_a_partition_that_cannot_be_fetched(log: Log) -> None:
    log.write(ZERO, 0)
    log.write(ONE, 0)
    log.assign([ZERO, ONE])
    log.silent = {ONE}
    consumer, seen = cast(AIOKafkaConsumer, log), dict[TopicPartition, int]()
    assert [tp for tp, _ in await tail(consumer, [ZERO, ONE], seen)] == [ZERO]
    log.silent = set()
    assert [tp for tp, _ in await tail(consumer, [ZERO, ONE], seen)] == [ONE]

"""The page's tail of two topics: bounded, and read only while somebody looks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.settings import Settings
from feedback_app.web import latest
from feedback_app.web.latest import MAX_RECORDS, READ_EVERY_S, RETRY_S, Latest
from models import Delivery, Feedback, ScoredFeedback
from tests.unit.alerting.virtual import run

SETTINGS = load({})
TOPICS = Topics.of(SETTINGS)


@dataclass
class Record:
    """A record of a partition."""

    partition: int
    offset: int
    value: bytes | None
    key: bytes = b"k"
    timestamp: int = 0


class Broker:
    """Two topics in memory and a consumer on them; counts connections and reads."""

    def __init__(self) -> None:
        self.records: dict[TopicPartition, list[Record]] = {}
        self.positions: dict[TopicPartition, int] = {}
        self.paused = False
        self.connections = self.reads = 0
        self.fault: Exception | None = None
        self._written = 0

    def write(self, topic: str, value: bytes | None, partition: int = 0) -> None:
        records = self.records.setdefault(TopicPartition(topic, partition), [])
        self._written += 1
        records.append(Record(partition, len(records), value, timestamp=self._written))

    @asynccontextmanager
    async def reader(self, settings: Settings) -> AsyncIterator["Broker"]:
        self.connections += 1
        yield self

    def assign(self, tps: list[TopicPartition]) -> None:
        """Take all partitions of both topics."""
        topics = {TOPICS.scored, TOPICS.deliveries}
        assert {tp.topic for tp in tps} == {topic.name for topic in topics}
        assert len(tps) == sum(topic.partitions for topic in topics)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        self.reads += 1
        assert not self.paused
        if self.fault is not None:
            raise self.fault
        return {tp: len(self.records.get(tp, ())) for tp in tps}

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self.positions[tp]

    async def getmany(
        self, *tps: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Record]]:
        found = {tp: self.records[tp][self.positions[tp] :] for tp in tps}
        for tp, records in found.items():
            self.positions[tp] += len(records)
        return {tp: records for tp, records in found.items() if records}

    def pause(self, *tps: TopicPartition) -> None:
        self.paused = True

    def resume(self, *tps: TopicPartition) -> None:
        self.paused = False


def scored(name: str) -> bytes:
    return ScoredFeedback(feedback=Feedback(id=name, text="words"), score=0.5).encode()


def delivery(name: str) -> bytes:
    return Delivery(id=name, status="posted", channel="C0123456").encode()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(latest, "reader", broker.reader)
    return broker


def play(story: Callable[[Latest, list[int]], Coroutine[Any, Any, None]]) -> None:
    """Run a story on a started tail; its second argument has an entry per change reported."""

    async def whole() -> None:
        changes: list[int] = []
        tail = Latest(SETTINGS, TOPICS, lambda: changes.append(1))
        await tail.start()
        await asyncio.sleep(0.1)
        await story(tail, changes)
        await tail.stop()

    run(whole())


def ids(tail: Latest) -> tuple[list[str], list[str]]:
    return [one.feedback.id for one in tail.scored], [one.id for one in tail.deliveries]


def test_both_topics_are_kept_in_the_order_in_which_they_were_written(broker: Broker) -> None:
    broker.write(TOPICS.scored.name, scored("a"), 1)
    broker.write(TOPICS.deliveries.name, delivery("1"))
    broker.write(TOPICS.scored.name, scored("b"), 0)

    async def story(tail: Latest, changes: list[int]) -> None:
        assert ids(tail) == (["a", "b"], ["1"])
        assert len(changes) == 1

    play(story)


def test_it_reads_only_after_somebody_looked_and_no_more_often_than_it_may(
    broker: Broker,
) -> None:
    async def story(tail: Latest, changes: list[int]) -> None:
        assert broker.reads == 1
        broker.write(TOPICS.scored.name, scored("a"))
        await asyncio.sleep(3600)
        assert (broker.reads, ids(tail)) == (1, ([], []))
        assert broker.paused
        for _ in range(10):
            tail.watch()
            await asyncio.sleep(READ_EVERY_S / 20)
        assert broker.reads == 1
        await asyncio.sleep(READ_EVERY_S)
        assert (broker.reads, ids(tail)) == (2, (["a"], []))
        assert len(changes) == 2

    play(story)


def test_what_is_kept_is_bounded(broker: Broker) -> None:
    async def story(tail: Latest, changes: list[int]) -> None:
        for number in range(MAX_RECORDS // 40 + 2):
            for one in range(40):
                broker.write(TOPICS.scored.name, scored(f"{number}-{one}"))
            tail.watch()
            await asyncio.sleep(2 * READ_EVERY_S)
        assert len(tail.scored) == MAX_RECORDS
        assert tail.scored[-1].feedback.id == f"{number}-39"

    play(story)


def test_tombstones_and_malformed_records_are_skipped(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    for value in (b"no JSON", None, delivery("1")):
        broker.write(TOPICS.deliveries.name, value)

    async def story(tail: Latest, changes: list[int]) -> None:
        assert ids(tail) == ([], ["1"])

    play(story)
    assert f"skipped a record of {TOPICS.deliveries.name}" in caplog.text


def test_after_an_outage_it_connects_again_and_repeats_nothing(broker: Broker) -> None:
    broker.write(TOPICS.scored.name, scored("a"))

    async def story(tail: Latest, changes: list[int]) -> None:
        broker.fault = KafkaError("no leader")
        tail.watch()
        await asyncio.sleep(READ_EVERY_S + 0.1)
        broker.fault, broker.paused = None, False
        broker.write(TOPICS.scored.name, scored("b"))
        await asyncio.sleep(RETRY_S + 0.2)
        assert broker.connections == 2
        assert ids(tail) == (["a", "b"], [])

    play(story)

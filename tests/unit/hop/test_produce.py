"""Sending: it returns when the broker has acknowledged all, and each failure has its kind."""

import asyncio
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from feedback_app.hop import BadRecord, Output, TransientError
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.produce import BatchProducer
from feedback_app.hop.stage import StageSpec
from feedback_app.hop.types import Result
from tests.support.stages import STATS, MemoryBroker, assigned, records, transient_errors, until


class Batch:
    """A batch that holds three records."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []

    def append(self, *, timestamp: int | None, key: bytes | None, value: bytes | None) -> Any:
        """Append a record, or return None if the batch is full."""
        if len(self.values) == 3:
            return None
        self.values.append(value)
        return object()


class Producer:
    """Collects batches; a test sets when and how the broker answers each."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, list[bytes | None]]] = []
        self.answers: list[asyncio.Future[object]] = []

    def create_batch(self) -> Batch:
        """Return a new batch."""
        return Batch()

    async def send_batch(
        self, batch: Batch, topic: str, *, partition: int
    ) -> asyncio.Future[object]:
        """Collect a batch and return the future of the broker's answer."""
        self.sent.append((topic, partition, batch.values))
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]

    async def partitions_for(self, topic: str) -> set[int]:
        """Return the partitions of every topic."""
        return {0, 1, 2}


def sender(producer: Producer) -> BatchProducer:
    """Return a batch producer over the fake."""
    return BatchProducer(lambda: cast(AIOKafkaProducer, producer))


def outputs(count: int, partition: int | None = 0) -> list[Output]:
    """Return records of one topic."""
    return [Output("t", b"k", str(n).encode(), partition) for n in range(count)]


async def begun(producer: Producer, made: list[Output]) -> asyncio.Task[None]:
    """Start sending, as far as it goes without an answer of the broker."""
    task = asyncio.ensure_future(sender(producer).produce(made))
    for _ in range(20):
        await asyncio.sleep(0)
    return task


async def test_it_returns_only_when_the_broker_has_acknowledged_everything() -> None:
    producer = Producer()
    task = await begun(producer, [*outputs(4), *outputs(1, partition=2)])
    assert [len(values) for _, _, values in producer.sent] == [3, 1, 1]
    for answer in producer.answers:
        assert not task.done()
        answer.set_result(None)
        for _ in range(5):
            await asyncio.sleep(0)
    await task


async def test_records_keep_their_order_within_a_partition() -> None:
    producer = Producer()
    task = await begun(producer, outputs(7))
    for answer in producer.answers:
        answer.set_result(None)
    await task
    assert [v for _, _, values in producer.sent for v in values] == [b"%d" % n for n in range(7)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KafkaTimeoutError(), TransientError),
        (ConnectionResetError(), TransientError),
        (MessageSizeTooLargeError(), BadRecord),
    ],
)
async def test_a_failure_of_one_batch_is_a_failure_of_its_kind(
    error: Exception, kind: type[Exception]
) -> None:
    producer = Producer()
    task = await begun(producer, [*outputs(1), *outputs(1, partition=1)])
    producer.answers[0].set_exception(error)
    producer.answers[1].set_result(None)
    with pytest.raises(kind):
        await task


async def test_nothing_is_acknowledged_before_its_accounting_record() -> None:
    broker = MemoryBroker()

    async def handler(items: Any) -> list[Result]:
        return [Result(counts=[("src", "done")]) for _ in items]

    spec = StageSpec(
        "stage", "in", lambda value, key: value, lambda value: "src", count_read="ingested"
    )
    stage = BatchStage(spec, broker.context, handler)
    await assigned(stage, 0)
    acked_at_account: list[int] = []
    down = transient_errors(3)

    def before(made: Any) -> None:
        if any(output.topic == STATS for output in made):
            acked_at_account.append(len(stage.acked))
            down(made)

    broker.before = before
    running = asyncio.ensure_future(stage.run())
    (tp,) = [part.tp for part in stage.partitions.values()]
    stage.submit(tp, records("in", 0, [b"a", b"b"]))
    await until(lambda: stage.acked.get(tp) == 2)
    running.cancel()
    await asyncio.wait({running})
    assert acked_at_account == [0, 0, 0, 0]
    assert broker.totals("stage") == {"src": {"ingested": 2, "done": 2}}

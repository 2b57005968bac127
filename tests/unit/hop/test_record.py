"""The record stage: records finish in any order, acknowledged up to the oldest unfinished."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from faust.types.tuples import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_app.hop import BadRecord, Item, Output, Result, TransientError
from feedback_app.hop.record import RecordStage
from feedback_app.hop.stage import StageSpec
from models import Account
from tests.support.stages import STATS, MemoryBroker, assigned, records, transient_errors, until
from tests.unit.hop.batch_stage import decode

HERE = TP("in", 0)


class Gates:
    """A handler whose records wait until the test releases them."""

    def __init__(self) -> None:
        self.events: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []

    async def __call__(self, item: Item[str]) -> Result:
        self.begun.append(item.value)
        await self.events.setdefault(item.value, asyncio.Event()).wait()
        return Result(counts=[("#c", "created"), ("#c", "delivered")])

    def open(self, value: str) -> None:
        self.events.setdefault(value, asyncio.Event()).set()


def stage_of(broker: MemoryBroker, handler: Callable[[Item[str]], Any], **more: Any) -> RecordStage:
    spec = StageSpec("delivery", "in", decode, lambda value: "#c")
    return RecordStage(spec, broker.context, handler, **more)


def last_account(broker: MemoryBroker) -> Account:
    return Account.decode(broker.sent(STATS)[-1])


async def test_the_offset_is_that_of_the_oldest_unfinished_record() -> None:
    broker, gates = MemoryBroker(), Gates()
    stage = stage_of(broker, gates, pending=lambda item: [("#c", "created"), ("#c", "pending")])
    await assigned(stage, 0)
    stage.submit(HERE, records("in", 0, [b"a", b"b", b"c"]))
    await until(lambda: gates.begun == ["a", "b", "c"])
    gates.open("c")
    gates.open("b")
    await until(
        lambda: (
            bool(broker.sent(STATS))
            and last_account(broker).ahead == {"#c": {"created": 3, "delivered": 2, "pending": 1}}
        )
    )
    assert stage.acked == {}
    assert last_account(broker).offset == -1
    gates.open("a")
    await until(lambda: stage.acked == {HERE: 3})
    assert last_account(broker).counts == {"#c": {"created": 3, "delivered": 3}}
    assert last_account(broker).ahead == {}
    await stage.drain()


async def test_after_a_long_idle_time_a_stage_does_not_count_as_stuck() -> None:
    broker, gates = MemoryBroker(), Gates()
    stage = stage_of(broker, gates)
    await assigned(stage, 0)
    await broker.clock.sleep(3600.0)
    stage.submit(HERE, records("in", 0, [b"a"]))
    assert stage.busy
    assert stage.progress_at == broker.clock.monotonic()
    began = stage.progress_at
    await broker.clock.sleep(30.0)
    stage.submit(HERE, records("in", 0, [b"b"], first=1))
    assert stage.progress_at == began
    await stage.drain()


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 6))
def test_in_any_order_of_finishing_a_revocation_leaves_the_unfinished_unacknowledged(
    order: list[int], finished: int
) -> None:
    async def run() -> None:
        broker, gates = MemoryBroker(), Gates()
        stage = stage_of(broker, gates)
        await assigned(stage, 0)
        stage.submit(HERE, records("in", 0, [str(n).encode() for n in range(6)]))
        await until(lambda: len(gates.begun) == 6)
        for n in order[:finished]:
            gates.open(str(n))
        entries = stage.partitions[0].entries
        await until(
            lambda: sum(entry.counts is not None for entry in entries) + stage.finished >= finished
        )
        await stage.drain()
        done = set(order[:finished])
        expected = next((n for n in range(6) if n not in done), 6)
        assert stage.acked.get(HERE, 0) == expected
        counted = broker.totals("delivery").get("#c", {}).get("delivered", 0)
        assert counted == expected

    asyncio.run(run())


async def test_an_unexpected_failure_of_the_accounting_record_stops_the_stage() -> None:
    def broken(outputs: Sequence[Output]) -> None:
        raise RuntimeError("no account can be written")

    async def handler(item: Item[str]) -> Result:
        return Result(counts=[("#c", "delivered")])

    stage = stage_of(MemoryBroker(before=broken), handler)
    await assigned(stage, 0)
    stage.submit(HERE, records("in", 0, [b"a"]))
    await until(lambda: stage.stopped is not None)
    assert stage.acked == {}
    assert not stage.accepts(HERE)
    await stage.drain()


async def test_a_record_that_waits_for_a_dependency_delays_no_other() -> None:
    broker = MemoryBroker()
    tries: list[str] = []

    async def handler(item: Item[str]) -> Result:
        tries.append(item.value)
        if item.value == "a" and tries.count("a") < 5:
            raise TransientError("slack", "down")
        return Result([Output("out", None, item.value.encode(), 0)])

    stage = stage_of(broker, handler)
    await assigned(stage, 0)
    stage.submit(HERE, records("in", 0, [b"a", b"b"]))
    await until(lambda: stage.acked == {HERE: 2})
    assert broker.sent("out") == [b"b", b"a"]
    assert broker.dead == []
    await stage.drain()


async def test_bad_and_malformed_records_are_dead_letters_and_the_rest_continues() -> None:
    broker = MemoryBroker()

    async def handler(item: Item[str]) -> Result:
        if item.value == "bad":
            raise BadRecord("is_archived")
        if item.value == "dead":
            return Result(dead="channel_not_found", counts=[("#c", "dead_lettered")])
        return Result(counts=[("#c", "delivered")])

    stage = stage_of(broker, handler)
    await assigned(stage, 0)
    stage.submit(HERE, records("in", 0, [b"a", b"junk", b"bad", b"dead"]))
    await until(lambda: stage.acked == {HERE: 4})
    assert sorted(dead_letter.reason for dead_letter in broker.dead) == [
        "channel_not_found",
        "is_archived",
        "not text",
    ]
    assert broker.totals("delivery") == {
        "#c": {"delivered": 1, "dead_lettered": 2},
        "unknown": {"dead_lettered": 1},
    }
    await stage.drain()


async def test_a_broker_that_is_down_delays_the_acknowledgement() -> None:
    broker = MemoryBroker(before=transient_errors(6))

    async def handler(item: Item[str]) -> Result:
        return Result(counts=[("#c", "delivered")])

    stage = stage_of(broker, handler)
    await assigned(stage, 0)
    stage.submit(HERE, records("in", 0, [b"a"]))
    await until(lambda: stage.acked == {HERE: 1})
    assert len(broker.sent(STATS)) >= 1
    await stage.drain()


async def test_a_rebalance_gives_requests_in_flight_a_grace_and_cancels_the_rest_at_once() -> None:
    broker = MemoryBroker()
    events: list[str] = []
    going = asyncio.Event()

    async def handler(item: Item[str]) -> Result:
        try:
            if item.value == "posting":
                item.in_flight = True
                going.set()
                await asyncio.sleep(0.01)
                events.append("posted")
                return Result(counts=[("#c", "delivered")])
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        raise AssertionError("unreachable")

    stage = stage_of(broker, handler)
    await assigned(stage, 0)
    stage.submit(HERE, records("in", 0, [b"posting", b"waiting"]))
    await going.wait()
    await stage.drain()
    assert events == ["cancelled", "posted"]
    assert stage.acked == {HERE: 1}


async def test_a_partition_at_its_capacity_accepts_no_records_and_the_others_do() -> None:
    broker, gates = MemoryBroker(), Gates()
    stage = stage_of(broker, gates, capacity=3)
    await assigned(stage, 0, 1)
    stage.submit(HERE, records("in", 0, [b"a", b"b", b"c"]))
    assert not stage.accepts(HERE)
    assert stage.accepts(TP("in", 1))
    await until(lambda: len(gates.begun) == 3)
    gates.open("a")
    await until(lambda: stage.accepts(HERE))
    await stage.drain()

"""The batch stage: acknowledge last, in order, without gaps, over rebalances too."""

import asyncio
from collections.abc import Sequence

import pytest
from faust.types.tuples import TP

from feedback_app.hop import Item, Output, Result, TransientError
from feedback_app.hop.types import StateTopic
from feedback_app.stats.ledger import Ledger
from models import Account
from tests.support.stages import (
    DEAD,
    STATS,
    MemoryBroker,
    assigned,
    records,
    transient_errors,
    until,
)
from tests.unit.hop.batch_stage import Running, Seen, echo


async def test_results_leave_in_input_order_and_the_offset_is_acknowledged_last() -> None:
    broker = MemoryBroker()
    acked_at_send: list[dict[TP, int]] = []
    async with Running(broker, echo, max_batch=5) as stage:
        broker.before = lambda outputs: acked_at_send.append(dict(stage.acked))
        stage.submit(TP("in", 0), records("in", 0, [str(n).encode() for n in range(12)]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 12)
    assert broker.sent("out") == [str(n).encode() for n in range(12)]
    assert acked_at_send[0] == {}
    assert broker.totals("stage") == {"src": {"ingested": 12, "done": 12}}


async def test_a_repeated_batch_sees_the_state_as_it_was() -> None:
    broker = MemoryBroker()
    seen: list[list[str]] = []
    state = StateTopic("out", lambda number: Seen())

    async def looking(items: Sequence[Item[str]]) -> list[Result]:
        seen.append(list(items[0].state.values))
        return await echo(items)

    async with Running(broker, looking, state=state) as stage:
        broker.before = transient_errors(2)
        stage.submit(TP("in", 0), records("in", 0, [b"a"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 1)
        stage.submit(TP("in", 0), records("in", 0, [b"b"], first=1))
        await until(lambda: stage.acked.get(TP("in", 0)) == 2)
    assert seen == [[], [], [], ["a"]]


async def test_state_is_restored_on_assignment_and_kept_over_a_rebalance() -> None:
    broker = MemoryBroker()
    await broker.produce([Output("out", b"k", b"before", 0)])
    state = StateTopic("out", lambda number: Seen())
    async with Running(broker, echo, state=state) as stage:
        part = stage.partitions[0]
        assert isinstance(part.state, Seen)
        assert part.state.values == ["before"]
        await stage.drain()
        await broker.produce([Output("out", b"k", b"meanwhile", 0)])
        await assigned(stage, 0)
        again = stage.partitions[0]
        assert again is not part
        assert isinstance(again.state, Seen)
        assert again.state.values == ["before", "meanwhile"]


async def test_a_rebalance_cancels_what_hangs_and_forgets_it() -> None:
    broker = MemoryBroker()
    started = asyncio.Event()

    async def hanging(items: Sequence[Item[str]]) -> list[Result]:
        started.set()
        await asyncio.Event().wait()
        return []

    async with Running(broker, hanging) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"] * 3))
        await started.wait()
        await stage.drain()
        assert stage.acked == {}
        assert not stage.busy
    assert broker.log == []


async def test_a_handler_with_too_few_results_is_a_bug_and_loses_nothing() -> None:
    broker = MemoryBroker()

    async def short(items: Sequence[Item[str]]) -> list[Result]:
        return (await echo(items))[: len(items) - (len(items) > 1)]

    async with Running(broker, short) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"b"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 2)
    assert broker.sent("out") == [b"a", b"b"]


@pytest.mark.parametrize("max_batch", [1, 7, 64])
async def test_a_full_stage_accepts_no_records_until_it_is_half_empty(max_batch: int) -> None:
    broker = MemoryBroker()
    async with Running(broker, echo, max_batch=max_batch) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"] * 4 * max_batch))
        assert not stage.accepts(TP("in", 1))
        await until(lambda: stage.acked.get(TP("in", 0)) == 4 * max_batch)
        assert stage.accepts(TP("in", 1))
    assert broker.woken > 0


async def test_an_unexpected_failure_stops_the_stage_before_it_loses_anything() -> None:
    broker = MemoryBroker()

    def broken(outputs: Sequence[Output]) -> None:
        if any(output.value in (b"x",) or output.topic == DEAD for output in outputs):
            raise RuntimeError("not even a dead letter can be written")

    broker.before = broken
    async with Running(broker, echo, max_batch=2) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"b", b"x", b"c", b"d"]))
        await until(lambda: stage.stopped is not None)
        stage.submit(TP("in", 0), records("in", 0, [b"e"], first=5))
        await until(lambda: not stage.busy)
    assert stage.acked == {TP("in", 0): 2}
    assert broker.sent("out") == [b"a", b"b"]


async def test_a_slow_handler_gets_smaller_batches_and_a_fast_one_larger_ones_again() -> None:
    broker = MemoryBroker()
    sizes: list[int] = []

    async def slow_at_first(items: Sequence[Item[str]]) -> list[Result]:
        sizes.append(len(items))
        broker.clock.now += len(items) / 100 if len(sizes) < 4 else 0.01
        return await echo(items)

    async with Running(broker, slow_at_first, max_batch=400) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"] * 1550))
        await until(lambda: stage.acked.get(TP("in", 0)) == 1550)
    assert sizes[:6] == [400, 150, 150, 150, 300, 400]


async def test_a_small_batch_that_took_long_does_not_make_the_next_one_smaller() -> None:
    broker = MemoryBroker()
    sizes: list[int] = []

    async def in_line_at_first(items: Sequence[Item[str]]) -> list[Result]:
        sizes.append(len(items))
        broker.clock.now += 3.0 if len(sizes) == 1 else 0.9
        return await echo(items)

    async with Running(broker, in_line_at_first, max_batch=400) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 1)
        stage.submit(TP("in", 0), records("in", 0, [b"a"] * 400, first=1))
        await until(lambda: stage.acked.get(TP("in", 0)) == 401)
    assert sizes == [1, 400]


async def test_two_batches_are_in_flight_of_different_partitions_and_each_keeps_its_order() -> None:
    broker = MemoryBroker()
    in_flight: list[frozenset[int]] = []
    seen: list[list[frozenset[int]]] = []
    gates: list[asyncio.Event] = []

    async def slow(items: Sequence[Item[str]]) -> list[Result]:
        mine = frozenset(item.partition for item in items)
        in_flight.append(mine)
        seen.append(list(in_flight))
        gates.append(gate := asyncio.Event())
        await gate.wait()
        in_flight.remove(mine)
        return await echo(items)

    async with Running(broker, slow, max_batch=2, max_in_flight=2) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a0", b"a1", b"a2", b"a3"]))
        await until(lambda: len(gates) == 1)
        stage.submit(TP("in", 1), records("in", 1, [b"b0", b"b1"]))
        await until(lambda: len(gates) == 2)
        assert in_flight == [{0}, {1}]
        gates[1].set()
        await until(lambda: stage.acked.get(TP("in", 1)) == 2)
        assert len(gates) == 2, "a partition waits for its batch in flight"
        gates[0].set()
        await until(lambda: len(gates) == 3)
        gates[2].set()
        await until(lambda: stage.acked.get(TP("in", 0)) == 4)
    assert broker.sent("out") == [b"b0", b"b1", b"a0", b"a1", b"a2", b"a3"]
    assert all(len(frozenset().union(*now)) == sum(map(len, now)) for now in seen)


async def test_a_rebalance_cancels_every_batch_that_hangs() -> None:
    broker = MemoryBroker()
    started: list[int] = []

    async def hanging(items: Sequence[Item[str]]) -> list[Result]:
        started.append(items[0].partition)
        await asyncio.Event().wait()
        return []

    async with Running(broker, hanging, max_batch=1, max_in_flight=2) as stage:
        for partition in (0, 1):
            stage.submit(TP("in", partition), records("in", partition, [b"a"]))
        await until(lambda: sorted(started) == [0, 1])
        await stage.drain()
        assert stage.acked == {}
        assert not stage.busy
    assert broker.log == []


async def test_of_a_partly_counted_run_only_the_rest_is_counted() -> None:
    broker = MemoryBroker()
    async with Running(broker, echo) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"b"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 2)
        await stage.drain()
        await assigned(stage, 0)
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"b", b"c"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 3)
    assert broker.totals("stage") == {"src": {"ingested": 3, "done": 3}}


async def test_a_batch_whose_accounting_record_was_written_alone_counts_once() -> None:
    broker = MemoryBroker()
    accounts = Ledger()
    left = [4]

    def no_leader(outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.topic == STATS:
                assert output.value is not None
                accounts.apply(Account.decode(output.value))
        broker.clock.now += 25.0
        if left[0]:
            left[0] -= 1
            raise TransientError("kafka", "no leader")

    broker.before = no_leader
    async with Running(broker, echo) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"] * 10))
        await until(lambda: stage.acked.get(TP("in", 0)) == 10)
    assert accounts.totals("stage") == {"src": {"ingested": 10, "done": 10}}

"""Failures in the batch stage: three kinds, each handled in its own way."""

from collections.abc import Sequence

from faust.types.tuples import TP

from feedback_app.hop import BadRecord, Item, Output, Result, TransientError
from feedback_app.hop.stage import ERROR_BUDGET, MAX_ATTEMPTS
from tests.support.stages import (
    DEAD,
    MemoryBroker,
    Record,
    records,
    transient_errors,
    until,
)
from tests.unit.hop.batch_stage import Running, echo


async def test_a_transient_error_is_retried_forever_and_never_dead_lettered() -> None:
    broker = MemoryBroker(before=transient_errors(50))
    async with Running(broker, echo) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"b"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 2)
        assert stage.waiting == {}
    assert broker.sent("out") == [b"a", b"b"]
    assert broker.dead == []
    assert broker.totals("stage") == {"src": {"ingested": 2, "done": 2}}


async def test_after_a_long_wait_or_idle_time_a_stage_does_not_count_as_stuck() -> None:
    """The probe reports a busy stage as stuck after a minute without progress or a wait."""
    broker = MemoryBroker()
    clock = broker.clock
    still: list[float] = []
    failures = 60

    def look() -> None:
        if stage.busy and not stage.waiting:
            still.append(clock.monotonic() - stage.progress_at)

    async def away_for_long(items: Sequence[Item[str]]) -> list[Result]:
        nonlocal failures
        look()
        if failures:
            failures -= 1
            raise TransientError("slack", "down")
        return await echo(items)

    async with Running(broker, away_for_long) as stage:
        await clock.sleep(3600.0)
        before = clock.monotonic()
        stage.submit(TP("in", 0), records("in", 0, [b"a"]))
        look()
        await until(lambda: stage.acked.get(TP("in", 0)) == 1)
        assert clock.monotonic() - before > 600
    assert len(still) == 2
    assert max(still) == 0

    stage.report_blocked("slack #x", "down")
    assert stage.waiting == {"slack #x": "down"}
    await clock.sleep(3600.0)
    stage.report_blocked("slack #x", None)
    assert stage.waiting == {}
    assert stage.progress_at == clock.monotonic()


async def test_the_wait_is_shown_and_honours_the_retry_after() -> None:
    broker = MemoryBroker()
    shown: list[dict[str, str]] = []

    async def refusing(items: Sequence[Item[str]]) -> list[Result]:
        shown.append(dict(stage.waiting))
        if len(shown) < 3:
            raise TransientError("model", "busy", retry_after=77.0)
        return await echo(items)

    async with Running(broker, refusing) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"]))
        await until(lambda: bool(stage.acked))
    assert shown == [{}, {"model": "busy"}, {"model": "busy"}]
    assert broker.clock.slept == [77.0, 77.0]


async def test_kafka_is_retried_within_seconds_however_long_it_was_away() -> None:
    broker = MemoryBroker(before=transient_errors(20))
    async with Running(broker, echo) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"]))
        await until(lambda: bool(stage.acked))
    assert max(broker.clock.slept) <= 6.0


async def test_a_malformed_record_is_a_dead_letter_and_the_rest_continues() -> None:
    broker = MemoryBroker()
    async with Running(broker, echo) as stage:
        stage.submit(TP("in", 1), records("in", 1, [b"a", b"junk", None, b"b"]))
        await until(lambda: stage.acked.get(TP("in", 1)) == 4)
    assert broker.sent("out") == [b"a", b"b"]
    assert [
        (dead_letter.offset, dead_letter.value_bytes(), dead_letter.reason)
        for dead_letter in broker.dead
    ] == [
        (1, b"junk", "not text"),
        (2, None, "not text"),
    ]
    assert broker.totals("stage") == {
        "src": {"ingested": 2, "done": 2},
        "unknown": {"ingested": 2, "dead_lettered": 2},
    }


async def test_a_bad_record_found_by_the_handler_affects_no_other() -> None:
    broker = MemoryBroker()

    async def picky(items: Sequence[Item[str]]) -> list[Result]:
        if any(item.value == "bad" for item in items):
            raise BadRecord("cannot be")
        return await echo(items)

    async with Running(broker, picky) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"bad", b"b"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 3)
    assert broker.sent("out") == [b"a", b"b"]
    assert [(dead_letter.reason, dead_letter.attempts) for dead_letter in broker.dead] == [
        ("cannot be", 1)
    ]


async def test_an_output_that_the_broker_rejects_affects_no_other_record() -> None:
    broker = MemoryBroker()

    def refuse(outputs: Sequence[Output]) -> None:
        if any(output.topic == "out" and output.value == b"huge" for output in outputs):
            raise BadRecord("the broker refused it: too large", "MessageSizeTooLargeError")

    broker.before = refuse
    async with Running(broker, echo) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"huge", b"b"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 3)
    assert broker.sent("out") == [b"a", b"b"]
    assert broker.dead[0].error == "MessageSizeTooLargeError"
    assert broker.totals("stage") == {"src": {"ingested": 3, "done": 2, "dead_lettered": 1}}


async def test_a_dead_letter_fits_however_long_the_key() -> None:
    broker = MemoryBroker()
    async with Running(broker, echo) as stage:
        stage.submit(TP("in", 0), [Record("in", 0, 0, b"k" * 700_000, b"junk")])
        await until(lambda: stage.acked.get(TP("in", 0)) == 1)
    output = next(output for output in broker.log if output.topic == DEAD)
    assert len(output.key or b"") + len(output.value or b"") < 20_000


async def test_a_bug_is_retried_then_isolated_then_a_dead_letter() -> None:
    broker = MemoryBroker()
    calls: list[list[str]] = []

    async def buggy(items: Sequence[Item[str]]) -> list[Result]:
        calls.append([item.value for item in items])
        if any(item.value == "x" for item in items):
            raise ZeroDivisionError("oh")
        return await echo(items)

    async with Running(broker, buggy) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a", b"x", b"b"]))
        await until(lambda: stage.acked.get(TP("in", 0)) == 3)
    assert calls == [["a", "x", "b"]] * MAX_ATTEMPTS + [["a"]] + [["x"]] * MAX_ATTEMPTS + [["b"]]
    assert [(dead_letter.error, dead_letter.attempts) for dead_letter in broker.dead] == [
        ("ZeroDivisionError", MAX_ATTEMPTS)
    ]


async def test_a_spent_error_budget_stops_the_stage_and_nothing_more_is_acknowledged() -> None:
    broker = MemoryBroker()

    async def broken(items: Sequence[Item[str]]) -> list[Result]:
        raise RuntimeError("always")

    async with Running(broker, broken) as stage:
        stage.submit(TP("in", 0), records("in", 0, [b"a"] * (ERROR_BUDGET + 10)))
        await until(lambda: stage.stopped is not None)
        assert not stage.accepts(TP("in", 0))
        assert "bug" in stage.waiting
    assert len(broker.dead) == ERROR_BUDGET
    assert stage.acked[TP("in", 0)] == ERROR_BUDGET

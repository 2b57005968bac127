"""The small parts: queue, pace, state, records and the plan of looks."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.alerting import delivery_records as records
from feedback_app.alerting.channel_queue import ChannelQueue
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.pacing import LONGEST_BACKOFF_S, Pacer
from feedback_app.alerting.receivers.base import FoundMessage
from feedback_app.alerting.reconcile import SURE_S, duplicates, seconds_until_check
from feedback_app.alerting.step import BUCKETS, counted, moved
from feedback_app.hop import Item, Row
from models import Alert, Delivery, rfc3339
from models.delivery import DEAD, POSTED, RETRACTED
from tests.unit.alerting.virtual import START, VirtualClock, run
from tests.unit.alerting.world import NEGATIVE, FakeSlack, alert

SLACK = FakeSlack()


def item(offset: int, what: Alert) -> Item[Alert]:
    """Return an item without a state."""
    return Item("alerts", 0, offset, b"", START, what)


def row(delivery: Delivery, offset: int, at: float = START) -> Row:
    """Return a row of the topic `deliveries`."""
    return Row(0, offset, delivery.id.encode(), delivery.encode(), at)


def test_turns_go_in_the_order_of_the_topic_whoever_comes_first() -> None:
    async def story() -> None:
        queue = ChannelQueue("#c", Pacer(0, VirtualClock()), SLACK)
        first = queue.join(item(0, alert("x:0")))
        later = [queue.join(item(n, alert(f"x:{n}"))) for n in (3, 1, 2)]
        assert [entry.item.offset for entry in queue.waiting()] == [1, 2, 3]
        order: list[int] = []
        entry = first
        while len(order) < 4:
            order.append(entry.item.offset)
            queue.leave(entry)
            entry = next((one for one in later if one.turn.done() and not one.gone), entry)
        assert order == [0, 1, 2, 3]

    run(story())


def test_who_leaves_the_line_does_not_get_the_turn() -> None:
    async def story() -> None:
        queue = ChannelQueue("#c", Pacer(0, VirtualClock()), SLACK)
        one, two, three = (queue.join(item(n, alert(f"x:{n}"))) for n in range(3))
        queue.leave(two)
        queue.leave(one)
        assert three.turn.done()
        assert not two.turn.done()
        assert not queue.busy_with(alert("x:1").id)
        assert queue.busy_with(alert("x:2").id)

    run(story())


def test_the_pace_counts_from_the_answer_and_failures_double_the_wait() -> None:
    async def story() -> None:
        clock = VirtualClock()
        pacer = Pacer(2, clock, uniform=lambda low, high: 1.0)
        await pacer.wait()
        await clock.sleep(3)
        pacer.answered()
        began = clock.monotonic()
        await pacer.wait()
        assert clock.monotonic() - began == pytest.approx(0.5)
        waits = []
        for _ in range(9):
            pacer.failed()
            began = clock.monotonic()
            await pacer.wait()
            waits.append(clock.monotonic() - began)
        assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
        assert max(waits) == LONGEST_BACKOFF_S
        pacer.failed(retry_after=7)
        began = clock.monotonic()
        await pacer.wait()
        assert clock.monotonic() - began == pytest.approx(7)

    run(story())


@given(st.lists(st.sampled_from([POSTED, RETRACTED, DEAD]), min_size=1, max_size=12))
def test_the_counts_of_an_alert_always_add_up(statuses: list[str]) -> None:
    record, sums = None, {"created": 0, **dict.fromkeys(BUCKETS.values(), 0)}
    for offset, status in enumerate(statuses):
        moves = moved(record, offset, status)
        record = Delivery(id="a", status=status, channel="C", offset=offset, moves=moves)
        for _, name in counted(record, offset, "#c"):
            sums[name.removeprefix("-")] += -1 if name.startswith("-") else 1
    assert record is not None
    assert sums == {"created": 1, **dict.fromkeys(BUCKETS.values(), 0), BUCKETS[statuses[-1]]: 1}
    again = {"created": 0, **dict.fromkeys(BUCKETS.values(), 0)}
    for offset in range(len(statuses)):
        for _, name in counted(record, offset, "#c"):
            again[name.removeprefix("-")] += -1 if name.startswith("-") else 1
    assert again == sums


def test_a_repeated_intent_keeps_the_time_of_the_first() -> None:
    first = records.intent(item(0, alert()), None, NEGATIVE, None, START, SLACK)
    again = records.intent(item(0, alert()), first, NEGATIVE, None, START + 600, SLACK)
    assert again.claimed_at == first.claimed_at == rfc3339(START)
    posted = records.posted(again, "1.0", START)
    assert records.intent(
        item(1, alert()), posted, NEGATIVE, None, START + 900, SLACK
    ).claimed_at == rfc3339(START + 900)


def test_a_withdrawal_leaves_no_text_on_record() -> None:
    digested = records.posted(
        records.intent(item(0, alert()), None, NEGATIVE, "d1", START, SLACK), "1.0", START
    )
    assert "x:1 r0" in (digested.line or "")
    after = records.retracted(
        digested, item(1, alert(op="retract", text="", score=None)), START, SLACK
    )
    assert "x:1 r0" not in after.encode().decode()


def test_the_state_ignores_what_a_lost_owner_wrote_too_late() -> None:
    state = DeliveryState(0)
    intent = records.intent(item(0, alert()), None, NEGATIVE, None, START, SLACK)
    old = records.posted(intent, "1.0", START)
    new = records.put(old, item(4, alert(revision=1)), START, SLACK)
    gone = records.retracted(new, item(6, alert(op="retract", revision=1)), START, SLACK)
    for offset, one in enumerate([intent, old, new, old]):
        state.restore(row(one, offset))
    known = state.get(intent.id)
    assert known is not None
    assert known.revision == 1
    for offset, one in enumerate([gone, new]):
        state.restore(row(one, 4 + offset))
    known = state.get(intent.id)
    assert known is not None
    assert known.status == RETRACTED


def test_the_state_ignores_malformed_records_and_reports_a_takeover_once() -> None:
    state = DeliveryState(0)
    assert state.take_over()
    assert not state.take_over()
    state.restore(Row(0, 0, b"a", b"not json", START))
    assert state.take_over()
    intent = records.intent(item(0, alert()), None, NEGATIVE, None, START, SLACK)
    assert intent.id not in state
    state.remember(([intent], START + 5))
    assert intent.id in state
    assert not state.take_over()
    assert state.intent_acknowledged_at(intent.id) == START + 5


def test_the_members_of_a_digest_stay_in_order_and_can_move_to_another() -> None:
    state = DeliveryState(0)
    intents = [
        records.intent(item(n, alert(f"x:{n}")), None, NEGATIVE, "d1", START, SLACK)
        for n in (2, 0, 1)
    ]
    state.remember((intents, START))
    assert [one.offset for one in state.under("d1")] == [0, 1, 2]
    state.remember(
        ([records.intent(item(9, alert("x:1")), None, NEGATIVE, None, START, SLACK)], START)
    )
    assert [one.offset for one in state.under("d1")] == [0, 2]
    assert [one.offset for one in state.under(alert("x:1").id)] == [9]
    assert state.under("unknown") == []


@pytest.mark.parametrize(
    ("age", "sure", "expected"),
    [(0, 0, 2), (2, 0, 4), (7, 0, 8), (15, 0, 0), (4000, 0, 0), (15.1, 1, 5), (-3, 0, 5)],
)
def test_the_schedule_of_checks(age: float, sure: int, expected: float) -> None:
    assert seconds_until_check(age, sure) == expected
    assert SURE_S == 15


def test_of_two_messages_the_one_on_record_stays() -> None:
    found = [FoundMessage("1.0", "a"), FoundMessage("2.0", "b"), FoundMessage("3.0", "a")]
    assert duplicates(found, {"a": "3.0"}) == [("a", "3.0", "1.0")]
    assert duplicates(found, {}) == [("a", "1.0", "3.0")]
    assert duplicates(found, {"a": "9.0"}) == [("a", "1.0", "3.0")]


def test_a_cancelled_wait_leaves_the_turn_to_the_next() -> None:
    async def story() -> None:
        queue = ChannelQueue("#c", Pacer(0, VirtualClock()), SLACK)
        one, two = (queue.join(item(n, alert(f"x:{n}"))) for n in range(2))

        async def wait() -> None:
            try:
                await two.turn
            finally:
                queue.leave(two)

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        queue.leave(one)
        three = queue.join(item(2, alert("x:2")))
        assert three.turn.done()

    run(story())

"""Digests: many alerts in one message, looked up and changed as one."""

import asyncio
from itertools import chain

from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outcome import NotDone, Outcome, Refused, Uncertain
from models.alert import alert_id
from tests.unit.alerting.virtual import START, run
from tests.unit.alerting.world import (
    Fake,
    NewReceiver,
    Topic,
    Worker,
    alert,
    kafka_down,
    retract,
    total,
)

MANY = [alert(f"x:{n}") for n in range(100)]
FEW = [alert(f"x:{n}") for n in range(8)]


def members(slack: Fake) -> list[list[str]]:
    """Return the alerts of each message, in the order of the channel."""
    return [list(standing.content.alerts) for standing in slack.standing().values()]


def test_many_waiting_alerts_go_out_in_digests_of_at_most_forty_that_name_each(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack, alert_digest_above=30)
        results = await worker.deliver_all(MANY)
        assert total(results) == {"created": 100, "delivered": 100}
        sizes = [len(one) for one in members(slack)]
        assert sizes[:2] == [40, 40]
        assert max(sizes) == 40
        assert list(chain(*members(slack))) == [one.id for one in MANY]
        first = slack.texts()[0]
        assert all(f"x:{n} r0" in first for n in range(40))

    run(story())


def test_as_many_as_the_limit_go_out_one_by_one(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        await Worker(Topic(), slack, alert_digest_above=8).deliver_all(FEW)
        assert [len(one) for one in members(slack)] == [1] * 8

    run(story())


def test_zero_never_makes_a_digest_of_many(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        await Worker(Topic(), slack, alert_digest_above=0).deliver_all(MANY)
        assert len(slack.standing()) == 100

    run(story())


def test_old_alerts_go_out_in_a_digest_and_new_ones_beside_it(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        old = [alert(f"x:{n}", at=START - 7 * 3600) for n in range(3)]
        worker = Worker(Topic(), slack, alert_digest_above=30)
        await worker.deliver_all([*old, alert("x:9")])
        assert members(slack) == [[one.id for one in old], [alert("x:9").id]]

    run(story())


def test_an_edit_and_a_retraction_change_the_digest_in_place(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        worker = Worker(topic, slack, alert_digest_above=3)
        later = [alert("x:2", revision=1), retract("x:5", revision=1)]
        results = await worker.deliver_all(FEW + later)
        assert total(results) == {"created": 8, "delivered": 7, "retracted": 1}
        assert len(slack.posts) == 1
        (text,) = slack.texts()
        assert "x:2 r1" in text
        assert "x:2 r0" not in text
        assert "x:5 r0" not in text
        assert "Withdrawn" in text
        assert members(slack) == [[one.id for one in FEW]]
        again = await Worker(topic, slack).deliver_all(FEW + later)
        assert [one.counts for one in again] == [one.counts for one in results]

    run(story())


def test_a_digest_whose_answer_is_lost_is_found_as_one(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        slack.lost = lambda number: number == 0
        worker = Worker(Topic(), slack, alert_digest_above=3)
        assert total(await worker.deliver_all(FEW)) == {"created": 8, "delivered": 8}
        assert len(slack.posts) == 1

    run(story())


def test_a_digest_that_was_not_taken_is_posted_again_and_never_regrouped(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack = receiver()
        answers: list[Outcome] = [Uncertain("HTTP 502"), NotDone("ratelimited", 5)]
        slack.calls = lambda call, channel: answers.pop(0) if answers else None
        worker = Worker(Topic(), slack, alert_digest_above=3)
        tasks = [asyncio.ensure_future(worker.deliver(n, one)) for n, one in enumerate(FEW)]
        await asyncio.sleep(10)
        more = asyncio.ensure_future(worker.deliver(8, alert("x:99")))
        results = [*await asyncio.gather(*tasks), await more]
        assert total(results) == {"created": 9, "delivered": 9}
        # What came later did not wait for it.
        assert members(slack) == [[alert("x:99").id], [one.id for one in FEW]]

    run(story())


def test_the_digest_of_a_lost_workers_intent_is_taken_over_whole(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        first = Worker(topic, slack, alert_digest_above=3)
        first.before_produce = lambda number: kafka_down() if number > 1 else None
        tasks = [asyncio.ensure_future(first.deliver(n, one)) for n, one in enumerate(FEW)]
        await asyncio.sleep(3)
        for task in tasks:
            task.cancel()
        await first.outbox.close()
        second = Worker(topic, slack, alert_digest_above=0)
        # Not all of them have been read yet when the first has its turn.
        results = [*await second.deliver_all(FEW[:2]), *await second.deliver_all(FEW[2:], 2)]
        assert total(results) == {"created": 8, "delivered": 8}
        assert members(slack) == [[one.id for one in FEW]]

    run(story())


def test_a_digest_that_slack_refuses_is_a_dead_letter_for_each_alert(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        slack.calls = lambda call, channel: Refused("invalid_blocks", whole_channel=False)
        worker = Worker(Topic(), slack, alert_digest_above=3)
        results = await worker.deliver_all(FEW)
        assert [one.dead for one in results] == ["invalid_blocks"] * 8
        assert total(results) == {"created": 8, "dead_lettered": 8}
        assert not worker.notices

    run(story())


def test_a_later_record_of_an_alert_does_not_overtake_its_first(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack, alert_digest_above=3)
        several = [alert("x:1"), alert("x:1", 1), alert("x:2"), alert("x:1", 2), *FEW[3:]]
        results = await worker.deliver_all(several)
        assert total(results) == {"created": 7, "delivered": 7}
        assert set(slack.carried().values()) == {1}
        known = worker.known("x:1")
        assert known is not None
        assert known.revision == 2
        assert "x:1 r2" in slack.texts()[0]
        assert alert_id("negative", "x:1") in members(slack)[0]

    run(story())


def test_a_digest_is_of_one_partition(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack, alert_digest_above=3)
        items = [worker.item(n, one) for n, one in enumerate(FEW)]
        for item in items[::2]:
            item.partition, item.state = 1, DeliveryState(1)
        await asyncio.gather(*map(worker.outbox.deliver, items))
        assert slack.carried() == {one.id: 1 for one in FEW}
        partitions = {(row.key or b"").decode(): row.partition for row in worker.topic.rows}
        assert partitions == {item.value.id: item.partition for item in items}

    run(story())

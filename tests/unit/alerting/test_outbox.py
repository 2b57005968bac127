"""The outbox against a topic and a Slack in memory."""

import asyncio
from itertools import pairwise

from feedback_app.alerting.outcome import NotDone, Outcome, Refused, Uncertain
from models.delivery import CLAIMED, POSTED, RETRACTED
from tests.unit.alerting.virtual import run
from tests.unit.alerting.world import (
    NEGATIVE,
    POSITIVE,
    NewReceiver,
    Topic,
    Worker,
    alert,
    kafka_down,
    retract,
    total,
)

DELIVERED = {"created": 1, "delivered": 1}


def test_an_alert_is_posted_between_its_intent_and_its_record(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        worker = Worker(topic, slack)
        result = await worker.deliver(0, alert())
        assert total([result]) == DELIVERED
        assert slack.carried() == {alert().id: 1}
        known = worker.known()
        assert known is not None
        assert (known.status, known.offset, known.lookup) == (POSTED, 0, alert().id)
        assert known.ts in slack.standing()
        assert len(topic.rows) == 2
        assert {row.partition for row in topic.rows} == {0}

    run(story())


def test_an_edit_updates_in_place_and_an_old_revision_does_nothing(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        results = await worker.deliver_all([alert(revision=1), alert(revision=2), alert()])
        assert total(results) == DELIVERED
        assert len(slack.posts) == 1
        (text,) = slack.texts()
        assert "x:1 r2" in text

    run(story())


def test_a_retraction_leaves_a_note_without_the_text(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        results = await worker.deliver_all([alert(), retract(revision=1)])
        assert total(results) == {"created": 1, "retracted": 1}
        (text,) = slack.texts()
        assert "Withdrawn" in text
        assert "x:1 r0" not in text

    run(story())


def test_a_retraction_of_nothing_does_nothing(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        worker = Worker(topic, slack)
        assert total([await worker.deliver(0, retract())]) == {}
        assert not topic.rows
        assert not slack.posts

    run(story())


def test_an_alert_that_holds_again_after_a_retraction_comes_back_in_place(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        three = [alert(), retract(revision=1), alert(revision=2)]
        assert total(await worker.deliver_all(three)) == DELIVERED
        (text,) = slack.texts()
        assert "x:1 r2" in text

    run(story())


def test_a_record_read_again_counts_as_what_it_was(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        alerts = [alert(), alert(revision=1), retract(revision=2), alert(revision=1)]
        first = await Worker(topic, slack).deliver_all(alerts)
        rows = len(topic.rows)
        again = await Worker(topic, slack).deliver_all(alerts)
        assert [one.counts for one in again] == [one.counts for one in first]
        assert len(topic.rows) == rows
        assert len(slack.posts) == 1

    run(story())


def test_an_unfinished_put_counts_as_created_and_pending(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker, name = Worker(Topic(), slack), slack.local("#negative-feedback")
        assert list(worker.outbox.pending(worker.item(0, alert()))) == [
            (name, "created"),
            (name, "pending"),
        ]
        assert list(worker.outbox.pending(worker.item(1, retract()))) == []
        await worker.deliver(0, alert())
        assert list(worker.outbox.pending(worker.item(2, alert(revision=1)))) == []

    run(story())


def test_a_lost_answer_is_found_in_the_history(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        slack.lost = lambda number: number == 0
        worker = Worker(Topic(), slack)
        assert total([await worker.deliver(0, alert())]) == DELIVERED
        assert len(slack.posts) == 1
        assert slack.carried() == {alert().id: 1}
        assert not worker.waiting

    run(story())


def test_a_post_that_was_not_carried_out_is_posted_again_after_two_checks(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack = receiver()
        answers: list[Outcome | None] = [Uncertain("HTTP 500"), None]
        slack.calls = lambda call, channel: answers.pop(0) if call == "post" else None
        worker = Worker(Topic(), slack)
        began = worker.clock.time()
        assert total([await worker.deliver(0, alert())]) == DELIVERED
        assert 20 <= worker.clock.time() - began < 22
        assert slack.carried() == {alert().id: 1}

    run(story())


def test_an_intent_of_a_lost_worker_is_reconciled_before_anything_is_posted(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        first = Worker(topic, slack)
        first.before_produce = lambda number: kafka_down() if number > 1 else None
        task = asyncio.ensure_future(first.deliver(0, alert()))
        await asyncio.sleep(5)
        assert slack.carried() == {alert().id: 1}
        task.cancel()
        await first.outbox.close()
        second = Worker(topic, slack)
        known = second.known()
        assert known is not None
        assert known.status == CLAIMED
        assert total([await second.deliver(0, alert())]) == DELIVERED
        assert slack.carried() == {alert().id: 1}
        assert len(slack.posts) == 1

    run(story())


def test_a_post_cut_off_by_a_rebalance_is_still_written_when_its_answer_comes(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        worker = Worker(topic, slack)
        item = worker.item(0, alert())
        task = asyncio.ensure_future(worker.outbox.deliver(item))
        await asyncio.sleep(0.035)  # between the request and its answer
        assert item.in_flight
        task.cancel()
        await asyncio.sleep(1)
        assert task.cancelled()
        known = topic.state().get(alert().id)
        assert known is not None
        assert known.status == POSTED

    run(story())


def test_nothing_is_posted_during_a_rebalance(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        worker.after_produce = lambda number: setattr(worker, "moving", True)
        task = asyncio.ensure_future(worker.deliver(0, alert()))
        await asyncio.sleep(5)
        assert not slack.posts
        assert not task.done()
        task.cancel()

    run(story())


def test_an_intent_that_was_acknowledged_too_long_ago_is_not_used(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        loop = asyncio.get_running_loop()
        stops = [60.0]

        def stop(number: int) -> None:
            if stops:
                loop.call_soon(loop.jump, stops.pop())  # type: ignore[attr-defined]

        worker.after_produce = stop
        first = worker.clock.monotonic()
        assert total([await worker.deliver(0, alert())]) == DELIVERED
        # Looked up like any uncertain post, though this one never went out.
        assert slack.finds >= 2
        assert worker.clock.monotonic() - first > 60
        assert slack.carried() == {alert().id: 1}

    run(story())


def test_a_channel_held_by_a_429_holds_up_no_other(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        answers = [NotDone("ratelimited", 30.0)]
        slack.calls = lambda call, channel: (
            answers.pop() if answers and channel == NEGATIVE else None
        )
        worker = Worker(Topic(), slack)
        in_flight = asyncio.ensure_future(worker.deliver(0, alert("x:1")))
        began = worker.clock.monotonic()
        assert total([await worker.deliver(1, alert("x:2", channel=POSITIVE))]) == DELIVERED
        assert worker.clock.monotonic() - began < 1
        assert worker.waiting == {slack.dependency("#negative-feedback"): "ratelimited"}
        assert total([await in_flight]) == DELIVERED
        assert worker.clock.monotonic() - began > 30
        assert not worker.waiting

    run(story())


def test_slack_down_for_an_hour_loses_nothing_and_keeps_the_order(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack, slack_posts_per_second=1)
        slack.down_until = worker.clock.time() + 3600
        alerts = [alert(f"x:{n}") for n in range(20)]
        results = await worker.deliver_all(alerts)
        assert total(results) == {"created": 20, "delivered": 20}
        standing = list(slack.standing().values())
        assert [s.content.lookup for s in standing] == [one.id for one in alerts]
        gaps = [after.at - before.at for before, after in pairwise(standing)]
        assert min(gaps) >= 1

    run(story())


def test_what_was_posted_while_an_alert_waited_is_not_posted_again(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack, unknown = Topic(), receiver(), "#not-there-yet"
        worker = Worker(topic, slack)
        waiting = asyncio.ensure_future(worker.deliver(0, alert(channel=unknown)))
        await asyncio.sleep(1)
        assert total(await Worker(topic, slack).deliver_all([alert()])) == DELIVERED
        for row in topic.rows:
            worker.state.restore(row)
        worker.channels = {NEGATIVE: unknown}
        assert total([await waiting]) == DELIVERED
        assert slack.carried() == {alert().id: 1}
        assert len(slack.posts) == 1

    run(story())


def test_a_dead_letter_that_is_tried_again_moves_its_count(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        refusal: list[Outcome] = [Refused("not_in_channel", whole_channel=True)]
        slack.calls = lambda call, channel: refusal[0] if refusal else None
        worker = Worker(Topic(), slack)
        results = [await worker.deliver(0, alert()), await worker.deliver(1, alert())]
        assert results[1].dead == "not_in_channel"
        assert total(results) == {"created": 1, "dead_lettered": 1}
        refusal.clear()
        results.append(await worker.deliver(2, alert()))
        assert total(results) == DELIVERED
        assert slack.carried() == {alert().id: 1}

    run(story())


def test_a_message_that_a_person_deleted_needs_no_update(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        first = await worker.deliver(0, alert())
        slack.standing().clear()
        second = await worker.deliver(1, retract())
        assert second.dead is None
        assert total([first, second]) == {"created": 1, "retracted": 1}
        known = worker.known()
        assert known is not None
        assert known.status == RETRACTED

    run(story())


def test_an_outage_of_the_broker_is_retried_in_place(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        worker.before_produce = lambda number: kafka_down() if 2 <= number < 6 else None
        alerts = [alert(f"x:{n}") for n in range(3)]
        assert total(await worker.deliver_all(alerts)) == {"created": 3, "delivered": 3}
        assert slack.carried() == {one.id: 1 for one in alerts}
        assert not worker.waiting

    run(story())


def test_an_intent_that_grew_old_while_connecting_is_not_used(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        slack.slow_connects = {0}
        worker = Worker(Topic(), slack)
        assert total([await worker.deliver(0, alert())]) == DELIVERED
        assert slack.finds >= 2
        assert len(slack.posts) == 2
        assert slack.carried() == {alert().id: 1}

    run(story())


def test_during_a_rebalance_no_intent_is_written_and_nothing_updated(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        worker = Worker(topic, slack, slack_posts_per_second=1)
        await worker.deliver(0, alert())
        slack.down_until = worker.clock.time() + 5
        other = asyncio.ensure_future(worker.deliver(1, alert("x:2")))
        edit = asyncio.ensure_future(worker.deliver(2, alert(revision=1)))
        await asyncio.sleep(2.9)
        worker.moving = True
        rows = len(topic.rows)
        await asyncio.sleep(60)
        assert len(topic.rows) == rows
        worker.moving = False
        await other
        await asyncio.sleep(0.5)  # the edit waits for the pace of the channel
        worker.moving = True
        await asyncio.sleep(60)
        assert not edit.done()
        assert all(one.updates == 0 for one in slack.standing().values())
        worker.moving = False
        await edit
        assert any("x:1 r1" in text for text in slack.texts())

    run(story())


def test_an_update_that_slack_refuses_is_a_dead_letter_and_nothing_else(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        results = await worker.deliver_all([alert(), retract(revision=1)])
        slack.calls = lambda call, channel: Refused("cant_update_message", whole_channel=False)
        results.append(await worker.deliver(2, alert(revision=2)))
        assert results[-1].dead == "cant_update_message"
        assert total(results) == {"created": 1, "dead_lettered": 1}

    run(story())

"""The outbox where an uncertain alert steps aside, so that it holds up no other."""

import asyncio

from feedback_app.alerting.channel_queue import MAX_PARKED
from feedback_app.alerting.outcome import Outcome, Uncertain
from models.delivery import CLAIMED
from tests.unit.alerting.virtual import run
from tests.unit.alerting.world import (
    Fake,
    NewReceiver,
    Topic,
    Worker,
    alert,
    kafka_down,
    total,
)

DELIVERED = {"created": 1, "delivered": 1}


def standing(slack: Fake) -> list[str]:
    """Return the alert of each message, in the order of the channel."""
    return [one.content.lookup for one in slack.standing().values()]


def test_an_uncertain_alert_holds_up_no_other_but_its_own_later_records(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack = receiver()
        answers: list[Outcome] = [Uncertain("HTTP 500")]
        slack.calls = lambda call, channel: answers.pop() if answers else None
        worker = Worker(Topic(), slack)
        alerts = [alert("x:1"), alert("x:1", 1), *(alert(f"x:{n}") for n in range(2, 6))]
        tasks = [asyncio.ensure_future(worker.deliver(n, one)) for n, one in enumerate(alerts)]
        await asyncio.sleep(2)
        assert [task.done() for task in tasks] == [False, False, True, True, True, True]
        assert total(await asyncio.gather(*tasks)) == {"created": 5, "delivered": 5}
        assert standing(slack) == [one.id for one in [*alerts[2:], alerts[0]]]
        assert "x:1 r1" in slack.texts()[-1]
        assert set(slack.carried().values()) == {1}

    run(story())


def test_while_slack_keeps_failing_the_order_stays_but_for_the_first(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        end = worker.clock.time() + 600
        slack.calls = lambda call, channel: (
            Uncertain("HTTP 503") if worker.clock.time() < end else None
        )
        alerts = [alert(f"x:{n}") for n in range(12)]
        assert total(await worker.deliver_all(alerts)) == {"created": 12, "delivered": 12}
        order = standing(slack)
        order.remove(alerts[0].id)
        assert order == [one.id for one in alerts[1:]]
        assert len(slack.posts) < 12 + 600 / 10

    run(story())


def test_at_most_a_few_alerts_are_parked_at_a_time(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        posts = [0]

        def answer(call: str, channel: str) -> Outcome | None:
            posts[0] += 1
            return Uncertain("HTTP 500") if posts[0] % 2 and posts[0] < 60 else None

        slack.calls = answer
        worker = Worker(Topic(), slack)
        alerts = [alert(f"x:{n}") for n in range(40)]
        tasks = [asyncio.ensure_future(worker.deliver(n, one)) for n, one in enumerate(alerts)]
        await asyncio.sleep(14)
        claimed = [one for one in alerts if _claimed(worker, one.id)]
        assert MAX_PARKED <= len(claimed) <= MAX_PARKED + 1
        assert total(await asyncio.gather(*tasks)) == {"created": 40, "delivered": 40}
        assert set(slack.carried().values()) == {1}

    run(story())


def _claimed(worker: Worker, alert_id: str) -> bool:
    known = worker.state.get(alert_id)
    return known is not None and known.status == CLAIMED


def test_an_edit_of_an_uncertain_alert_that_was_found_waits_for_its_turn(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        first = Worker(topic, slack)
        first.before_produce = lambda number: kafka_down() if number > 1 else None
        task = asyncio.ensure_future(first.deliver(0, alert()))
        await asyncio.sleep(1)
        task.cancel()
        await first.outbox.close()
        second = Worker(topic, slack, slack_posts_per_second=1)
        # The claim's own record is not read again: an edit finds the claim standing.
        results = await second.deliver_all([alert(revision=1), alert("x:2"), alert("x:3")], 5)
        assert total(results[1:]) == {"created": 2, "delivered": 2}
        assert "x:1 r1" in slack.texts()[0]
        assert set(slack.carried().values()) == {1}

    run(story())

"""The outbox where a channel is missing, archived or comes to be known."""

import asyncio

from feedback_app.alerting.outcome import Refused
from models.alert import RETRACT
from tests.unit.alerting.virtual import run
from tests.unit.alerting.world import (
    NEGATIVE,
    POSITIVE,
    NewReceiver,
    Topic,
    Worker,
    alert,
    retract,
    total,
)

DELIVERED = {"created": 1, "delivered": 1}


def test_a_channel_that_is_archived_sends_its_alerts_to_the_dead_letters_with_one_notice(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        slack.calls = lambda call, channel: Refused("is_archived", whole_channel=True)
        worker = Worker(topic, slack)
        results = await worker.deliver_all([alert("x:1"), alert("x:2")])
        assert [one.dead for one in results] == ["is_archived", "is_archived"]
        assert total(results) == {"created": 2, "dead_lettered": 2}
        name = slack.local("#negative-feedback")
        assert [key for key, _ in worker.notices] == [f"channel:{name}"]
        again = await Worker(topic, slack).deliver_all([alert("x:1")])
        assert again[0].counts == results[0].counts
        assert again[0].dead == "is_archived"

    run(story())


def test_what_is_taken_back_while_its_channel_is_unknown_never_appears(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack, unknown = receiver(), "#not-there-yet"
        worker = Worker(Topic(), slack)
        early = asyncio.ensure_future(worker.deliver(0, alert("x:1", channel=unknown)))
        await asyncio.sleep(60)
        slack.open("C0LATER")
        worker.channels = {**worker.channels, "C0LATER": unknown}
        # Judged when Slack knew the channel, and read before the first one has looked again.
        later = alert("x:1", 1, RETRACT, "C0LATER", channel_name=unknown)
        back = asyncio.ensure_future(worker.deliver(1, later))
        assert total([await early, await back]) == {"created": 1, "retracted": 1}
        assert not any("x:1 r0" in text for text in slack.texts("C0LATER"))

    run(story())


def test_a_channel_that_slack_does_not_know_holds_up_no_other_and_gets_its_alerts_later(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        slack, unknown = receiver(), "#not-there-yet"
        worker = Worker(Topic(), slack)
        early = [alert(f"x:{n}", channel=unknown) for n in range(3)]
        waiting = asyncio.ensure_future(worker.deliver_all(early))
        known = await worker.deliver_all([alert("x:9", channel=POSITIVE)], first=3)
        assert total(known) == DELIVERED
        await asyncio.sleep(600)
        assert not waiting.done()
        name = slack.local(unknown)
        assert list(worker.waiting) == [f"{slack.name} {name}"]
        assert [key for key, _ in worker.notices] == [f"channel:{name}"]
        assert worker.outbox.pending(worker.item(0, early[0])) == [
            (name, "created"),
            (name, "pending"),
        ]
        slack.open("C0LATER")
        worker.channels = {**worker.channels, "C0LATER": unknown}
        # An edit that was judged when Slack knew the channel bears its id.
        edit = asyncio.ensure_future(
            worker.deliver_all(
                [alert("x:2", revision=1, channel="C0LATER", channel_name=unknown)], first=4
            )
        )
        assert total([*await waiting, *await edit]) == {"created": 3, "delivered": 3}
        assert [place for _, place in slack.posted()] == [POSITIVE, *["C0LATER"] * 3]
        assert [f"x:{n} r" in text for n, text in enumerate(slack.texts("C0LATER"))] == [True] * 3
        assert "x:2 r1" in slack.texts("C0LATER")[2]
        assert worker.waiting == {}
        assert slack.carried()[early[2].id] == 1
        found = worker.known("x:0")
        assert found is not None
        assert found.channel == slack.local("C0LATER")

    run(story())


def test_an_edit_that_names_its_channel_queues_behind_an_alert_that_does_not(
    receiver: NewReceiver,
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        alerts = [alert("x:1", channel_name=""), retract("x:1")]
        name = slack.local("#negative-feedback")
        results = await Worker(topic, slack).deliver_all(alerts)
        assert [one.counts for one in results] == [
            [(slack.local(NEGATIVE), "created"), (slack.local(NEGATIVE), "delivered")],
            [(name, "-delivered"), (name, "retracted")],
        ]
        (text,) = slack.texts()
        assert "Withdrawn" in text
        again = await Worker(topic, slack).deliver_all(alerts)
        assert [one.counts for one in again] == [one.counts for one in results]

    run(story())

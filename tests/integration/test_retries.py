"""Dead letters tried again and alerts replayed, through workers that are at work."""

import json
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from chaos.fleet import NEGATIVE, POSITIVE, Fleet
from chaos.group import GroupWatch
from chaos.waiting import until
from models import DeadLetter, Feedback, PollRequest, ScoredFeedback, rfc3339
from tests.integration.conftest import NewFleet
from tests.integration.test_deletions import feedback

pytestmark = pytest.mark.timeout(400)


def messages(fleet: Fleet, channel: str) -> list[str]:
    """Return the ids of the alerts that stand in a channel, one a message."""
    found = [one.metadata or {} for one in fleet.sandbox.slack.channel(channel).messages]
    return [
        alert
        for one in found
        if one.get("event_type") == "feedback_alert"
        for alert in one["event_payload"]["alerts"]
    ]


async def figures(fleet: Fleet) -> tuple[dict[str, int], dict[str, Any]]:
    """Return what the app says of its dead letters, and all that it says."""
    found = await fleet.stats()
    return found["dead_letters"] or {}, found


async def test_refused_alerts_go_out_once_when_their_channel_is_open_again(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet()
    await fleet.start_workers(1)
    slack = fleet.sandbox.slack
    slack.archive(NEGATIVE)
    for number in range(40):
        slack.say("#feedback", f"item {number} version 1 into a closed channel")

    async def refused() -> bool:
        letters, found = await figures(fleet)
        gone = found["alerts"][NEGATIVE]["dead_lettered"]
        return gone > 0 and letters == {"open": gone, "total": gone} and bool(found["balanced"])

    await until(lambda: len(fleet.observer.topics.scored) == 40, 90, "all are scored")
    await until(refused, 60, "they are dead letters that wait")
    listed = json.loads(await feedback(fleet, "dead-letters", "list", "--json"))
    assert {one["stage"] for one in listed} == {"delivery"}
    assert {one["reason"] for one in listed} == {"is_archived"}
    assert not messages(fleet, NEGATIVE)

    slack.archive(NEGATIVE, False)
    sent = await feedback(fleet, "dead-letters", "retry", "--stage", "delivery")
    assert f"Sent {len(listed)} of {len(listed)} again." in sent

    async def out() -> bool:
        letters, found = await figures(fleet)
        channel = found["alerts"][NEGATIVE]
        return (
            channel["delivered"] == channel["created"] == len(messages(fleet, NEGATIVE))
            and letters == {"open": 0, "total": len(listed)}
            and bool(found["balanced"])
        )

    await until(out, 60, fleet.workers[0].tail)
    assert len(set(messages(fleet, NEGATIVE))) == len(listed)
    assert json.loads(await feedback(fleet, "dead-letters", "list", "--json")) == []


async def test_a_retry_goes_through_the_stage_that_failed(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    await fleet.start_workers(1)
    at = rfc3339(0)
    words = "item 1 version 1 that failed before"
    failed = {
        "sentiment": ("raw", Feedback(id="webhook:1", text=words, source="webhook").encode()),
        "alerts": (
            "scored",
            ScoredFeedback(
                feedback=Feedback(id="webhook:2", text="an angry one", source="webhook"),
                score=0.01,
                label="negative",
            ).encode(),
        ),
        "polls": ("polls", PollRequest(source="x", due_at=at).encode()),
    }
    async with AIOKafkaProducer(
        bootstrap_servers=fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"]
    ) as client:
        for stage, (topic, value) in failed.items():
            letter = DeadLetter.of(
                topic=f"{fleet.prefix}{topic}",
                partition=1,
                offset=0,
                key=stage.encode(),
                value=value,
                stage=stage,
                error="RuntimeError",
                reason="a bug that was mended",
                attempts=3,
                failed_at=at,
            )
            await client.send_and_wait(f"{fleet.prefix}dead-letters", letter.encode())

    async def counted(waiting: int) -> bool:
        return (await figures(fleet))[0] == {"open": waiting, "total": 3}

    await until(lambda: counted(3), 60, "three wait")
    await feedback(fleet, "dead-letters", "retry", "--stage", "sentiment")
    topics = fleet.observer.topics
    await until(lambda: any(one.text == words for one in topics.scored), 60, "it is scored")
    await feedback(fleet, "dead-letters", "retry", "--stage", "alerts")
    await until(
        lambda: any(one.feedback_id == "webhook:2" for one in topics.alerts), 60, "it is an alert"
    )
    await until(lambda: len(messages(fleet, NEGATIVE)) >= 1, 60, "it is in Slack")
    await until(lambda: counted(1), 60, "one waits")
    await feedback(fleet, "dead-letters", "retry", "--reason", "a bug that was mended")
    await until(lambda: counted(0), 60, "none waits")
    assert (await figures(fleet))[1]["balanced"]
    assert len(topics.dead) == 3


async def test_a_replay_that_posts_disturbs_no_group_and_posts_each_alert_once(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet(
        settings={"FEEDBACK_NEGATIVE_BELOW": "0.0001", "FEEDBACK_POSITIVE_ABOVE": "0.9999"}
    )
    await fleet.start_workers(2)
    for number in range(60):
        fleet.sandbox.slack.say("#feedback", f"item {number} version 1 that alerted nobody")
    await until(lambda: len(fleet.observer.topics.scored) == 60, 90, "all are scored")
    rules = fleet.folder / "wide.toml"
    rules.write_text(
        f'[[rules]]\nid = "negative"\nchannel = "{NEGATIVE}"\nbelow = 0.3\n'
        f'[[rules]]\nid = "positive"\nchannel = "{POSITIVE}"\nabove = 0.7\n'
    )
    address = fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"]
    async with GroupWatch(address, fleet.environment["FEEDBACK_APP_ID"]) as watch:
        words = ("replay", "--from", "1h", "--rules", str(rules), "--json")
        shown = json.loads(await feedback(fleet, *words))
        assert not shown["posted"]
        wanted: dict[str, int] = shown["counts"]
        low, high = wanted["negative"], wanted["positive"]
        assert min(low, high) > 0
        assert not messages(fleet, NEGATIVE)
        for _ in range(2):
            assert json.loads(await feedback(fleet, *words, "--post"))["counts"] == wanted

        async def out() -> bool:
            found = (await fleet.stats())["alerts"]
            return bool(
                found[NEGATIVE]["delivered"] == low == len(messages(fleet, NEGATIVE))
                and found[POSITIVE]["delivered"] == high == len(messages(fleet, POSITIVE))
                and found[NEGATIVE]["pending"] == found[POSITIVE]["pending"] == 0
            )

        await until(out, 60, fleet.workers[0].tail)
        assert watch.state == "Stable"
        assert watch.rebalances == []
    assert (await fleet.stats())["balanced"]

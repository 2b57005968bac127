"""The operations channel with real workers: a start and an end, also across the leader's death."""

import itertools

import pytest

from chaos.fleet import NEGATIVE, POSITIVE, Fleet
from chaos.waiting import until
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(420)

OPS = "#ops"


def notices(fleet: Fleet, title: str) -> list[str]:
    """Return the messages in the operations channel with these words, oldest first."""
    return [
        message.text
        for message in fleet.sandbox.slack.channel(OPS).messages
        if title in message.text
    ]


async def test_each_notice_comes_once_and_ends_once_whoever_leads(new_fleet: NewFleet) -> None:
    fleet = await new_fleet(settings={"FEEDBACK_OPS_CHANNEL": OPS})
    slack = fleet.sandbox.slack
    slack.create(OPS)
    (first,) = await fleet.start_workers(1)
    (second,) = await fleet.start_workers(1)
    number = itertools.count()

    def told(title: str, count: int) -> bool:
        slack.say("#feedback", f"item {next(number)} of many")
        return len(notices(fleet, title)) >= count

    for name in (NEGATIVE, POSITIVE):
        slack.archive(name)
    await until(lambda: told("Channel refuses", 2), 60, lambda: f"two refuse:\n{first.tail()}")
    assert all("is_archived" in text for text in notices(fleet, "Channel refuses"))

    leader, other = first, second
    if "⚠️ Channel refuses" in second.log.read_text():
        leader, other = second, first
    assert "⚠️ Channel refuses" in leader.log.read_text()
    assert "⚠️ Channel refuses" not in other.log.read_text()
    leader.kill()
    await until(lambda: bool(notices(fleet, "Worker gone")), 60, lambda: other.tail())
    assert len(notices(fleet, "Channel refuses")) == 2

    for name in (NEGATIVE, POSITIVE):
        slack.archive(name, False)
    await until(lambda: told("Channel refuses", 4), 60, lambda: f"two end:\n{other.tail()}")
    (third,) = await fleet.start_workers(1)
    await until(lambda: told("Worker gone", 2), 60, lambda: f"replaced:\n{third.tail()}")

    found = notices(fleet, "")
    assert [len(notices(fleet, title)) for title in ("Channel refuses", "Worker gone")] == [4, 2]
    for name in (NEGATIVE, POSITIVE):
        start, end = (text for text in found if name in text)
        assert start.startswith("⚠️ Channel refuses alerts")
        assert end.startswith(f"✅ Channel refuses alerts ({name}): over after")


async def test_a_leader_that_was_frozen_with_a_notice_in_hand_does_not_post_it_too(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet(settings={"FEEDBACK_OPS_CHANNEL": OPS})
    slack = fleet.sandbox.slack
    slack.create(OPS)
    workers = await fleet.start_workers(2)
    slack.archive(OPS)  # so that the notice has to wait
    for name in (NEGATIVE, POSITIVE):
        slack.archive(name)
    number = itertools.count()

    def held() -> bool:
        slack.say("#feedback", f"item {next(number)} of many")
        return any("takes no notice" in worker.log.read_text() for worker in workers)

    await until(held, 60, "a notice is in hand")
    leader, other = workers
    if "takes no notice" in other.log.read_text():
        leader, other = other, leader
    leader.freeze()
    slack.archive(OPS, False)
    await until(lambda: len(notices(fleet, "Channel refuses")) == 2, 90, lambda: other.tail(30))
    joined = leader.log.read_text().count("Joined group")
    leader.thaw()
    # What it held waited for less long than it was frozen, so that it goes on at once.
    await until(lambda: leader.log.read_text().count("Joined group") > joined, 60, "it is back")
    assert await leader.answers(fleet.session, "/healthz") == 200
    assert len(notices(fleet, "Channel refuses")) == 2

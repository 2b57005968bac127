"""A worker that dies or loses its partition at any point: one message, none lost, counts right."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from feedback_app.hop import Output
from models import Alert
from tests.unit.alerting.virtual import VirtualClock, VirtualLoop, run
from tests.unit.alerting.world import (
    POSITIVE,
    Fake,
    NewReceiver,
    Topic,
    Worker,
    alert,
    retract,
    total,
)

STORY = [
    alert("x:1"),
    alert("x:2"),
    alert("x:1", 1),
    alert("x:3", channel=POSITIVE),
    retract("x:2", 1),
    alert("x:4"),
]
MESSAGES = {alert(f"x:{n}").id: 1 for n in (1, 2, 3, 4)}
SEQUENTIAL: dict[str, int] = {"created": 4, "delivered": 3, "retracted": 1}


def after_steps(steps: int, worker: Worker, slack: Fake, die: Callable[[], None]) -> None:
    """Let `die` run at the n-th time that the worker reaches the broker or Slack."""
    left = [steps]

    def step(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            die()

    worker.before_produce = step
    worker.after_produce = step
    slack.before_post = step


async def crash(
    topic: Topic, slack: Fake, alerts: Sequence[Alert], steps: int, **settings: Any
) -> bool:
    """Run a worker that is killed at a step; return whether it got that far."""
    worker = Worker(topic, slack, **settings)
    dead = asyncio.Event()

    def die() -> None:
        dead.set()
        worker.owner = False
        raise asyncio.CancelledError

    def gone(*_: object) -> None:
        if dead.is_set():
            raise asyncio.CancelledError

    after_steps(steps, worker, slack, die)
    tasks = [
        asyncio.ensure_future(worker.deliver(offset, one)) for offset, one in enumerate(alerts)
    ]
    died = asyncio.ensure_future(dead.wait())
    while not dead.is_set() and not all(task.done() for task in tasks):
        await asyncio.wait(
            {died, *(task for task in tasks if not task.done())},
            return_when=asyncio.FIRST_COMPLETED,
        )
    worker.before_produce = worker.after_produce = gone
    for task in tasks:
        task.cancel()
    died.cancel()
    await asyncio.gather(*tasks, died, return_exceptions=True)
    await worker.outbox.close()
    slack.before_post = lambda: None
    return dead.is_set()


@pytest.mark.parametrize("digest_above", [0, 1])
def test_killed_at_any_step_the_next_worker_finishes_exactly(
    receiver: NewReceiver, digest_above: int
) -> None:
    async def story(steps: int) -> bool:
        topic, slack = Topic(), receiver()
        reached = await crash(topic, slack, STORY, steps, alert_digest_above=digest_above)
        results = await Worker(topic, slack, alert_digest_above=digest_above).deliver_all(STORY)
        assert slack.carried() == MESSAGES
        assert total(results) == SEQUENTIAL
        return reached

    steps = 1
    while run(story(steps)):
        steps += 1
    assert steps > 10


def test_killed_twice_the_third_worker_finishes_exactly(receiver: NewReceiver) -> None:
    async def story(first: int, second: int) -> None:
        topic, slack = Topic(), receiver()
        await crash(topic, slack, STORY, first)
        await crash(topic, slack, STORY, second)
        results = await Worker(topic, slack).deliver_all(STORY)
        assert slack.carried() == MESSAGES
        assert total(results) == SEQUENTIAL

    for first in range(1, 16, 2):
        for second in range(1, 12, 2):
            run(story(first, second))


@pytest.mark.parametrize("moment", [n / 200 for n in range(1, 40)])
def test_cut_off_by_a_rebalance_at_any_moment_the_next_worker_finishes_exactly(
    receiver: NewReceiver, moment: float
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        first = Worker(topic, slack)
        tasks = [asyncio.ensure_future(first.deliver(n, one)) for n, one in enumerate(STORY)]
        await asyncio.sleep(moment)
        first.moving = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        first.owner, first.moving = False, False
        # The answer to a request under way may still arrive while the next worker is at work.
        results = await Worker(topic, slack).deliver_all(STORY)
        assert slack.carried() == MESSAGES
        assert total(results) == SEQUENTIAL

    run(story())


EVENTS = [alert(revision=0), alert(revision=1), alert(revision=2), retract(revision=3)]


def filtered(order: Sequence[int]) -> list[Alert]:
    """Return what the stages before let through: never a lower or equal revision."""
    highest, passed = -1, []
    for number in order:
        if number > highest:
            passed.append(EVENTS[number])
            highest = number
    return passed


@pytest.mark.parametrize("order", sorted(set(permutations([0, 1, 2, 3, 1, 3]))))
def test_every_order_of_create_edits_delete_and_redelivery_ends_the_same(
    receiver: NewReceiver, order: tuple[int, ...]
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        passed = filtered(order)
        results = await Worker(topic, slack).deliver_all(passed)
        again = await Worker(topic, slack).deliver_all(passed)  # all of it redelivered
        assert len(slack.standing()) <= 1
        assert not any(f"x:1 r{n}" in text for text in slack.texts() for n in range(3))
        assert total(results) in ({}, {"created": 1, "retracted": 1})
        assert total(again) == total(results)

    run(story())


@pytest.mark.parametrize("order", sorted(set(permutations([0, 0, 1, 2, 1]))))
def test_records_repeated_in_any_order_leave_one_message_of_the_last_revision(
    receiver: NewReceiver, order: tuple[int, ...]
) -> None:
    async def story() -> None:
        slack = receiver()
        worker = Worker(Topic(), slack)
        results = await worker.deliver_all([EVENTS[number] for number in order])
        assert total(results) == {"created": 1, "delivered": 1}
        (text,) = slack.texts()
        assert "x:1 r2" in text

    run(story())


def test_a_zombie_that_wakes_up_posts_nothing_of_what_another_posted(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        zombie = Worker(topic, slack, slack_posts_per_second=1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        tasks = [asyncio.ensure_future(zombie.deliver(n, one)) for n, one in enumerate(STORY)]
        await asyncio.sleep(0.5)  # it waits for its pace, between two posts
        other = Worker(topic, slack)
        loop.jump(60)  # stopped; meanwhile the other is the owner, and posts
        results = [await other.deliver(n, one) for n, one in enumerate(STORY)]
        assert slack.carried() == MESSAGES
        zombie.owner = False  # told by the answer to its heartbeat
        await asyncio.sleep(30)
        for task in tasks:
            task.cancel()
        assert slack.carried() == MESSAGES
        assert total(results) == SEQUENTIAL

    run(story())


def two_rows(topic: Topic) -> list[Output]:
    """Return the two `posted` records of one alert as outputs, in the order of the topic."""
    return [
        Output("deliveries", row.key, row.value, 0)
        for row in topic.rows
        if b'"posted"' in (row.value or b"")
    ]


@pytest.mark.parametrize("ahead", [90.0, 7200.0])
def test_an_intent_by_a_worker_whose_clock_is_ahead_is_reconciled_as_any_other(
    receiver: NewReceiver, ahead: float
) -> None:
    class Ahead(VirtualClock):
        def time(self) -> float:
            return super().time() + ahead

    async def story() -> None:
        topic, slack = Topic(), receiver()
        first = Worker(topic, slack, Ahead())
        cut = asyncio.ensure_future(first.deliver(0, alert("x:1")))
        first.after_produce = lambda number: setattr(first, "owner", number < 2)
        slack.lost = lambda number: True
        await asyncio.sleep(1)
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        await first.outbox.close()
        assert slack.carried() == {alert("x:1").id: 1}
        topic.rows = [replace(row, timestamp=row.timestamp + ahead) for row in topic.rows]
        results = await Worker(topic, slack).deliver_all([alert("x:1")])
        assert VirtualClock().monotonic() < 60
        assert slack.carried() == {alert("x:1").id: 1}
        assert total(results) == {"created": 1, "delivered": 1}

    run(story())


def test_what_two_owners_posted_at_once_is_repaired_a_minute_later(receiver: NewReceiver) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        one, two = Worker(topic, slack), Worker(topic, slack)
        loser = asyncio.ensure_future(one.deliver(0, alert()))
        await asyncio.sleep(0.001)
        await asyncio.gather(two.deliver(0, alert()), loser)
        one.owner = False
        assert slack.carried() == {alert().id: 2}
        topic.append(two_rows(topic)[0])  # the record of the one that lost comes last
        await asyncio.sleep(90)
        assert slack.carried() == {alert().id: 1}
        known = topic.state().get(alert().id)
        assert known is not None
        assert known.ts in slack.standing()
        result = await two.deliver(1, alert("x:2"))
        assert (slack.local("#negative-feedback"), "duplicates_repaired") in result.counts

    run(story())


def test_a_post_that_shows_too_late_is_repaired(receiver: NewReceiver) -> None:
    async def story() -> None:
        slack = receiver()
        slack.seen_after = 40.0
        slack.lost = lambda number: number == 0
        worker = Worker(Topic(), slack)
        await worker.deliver(0, alert())
        assert slack.carried() == {alert().id: 2}
        await asyncio.sleep(120)
        assert slack.carried() == {alert().id: 1}

    run(story())

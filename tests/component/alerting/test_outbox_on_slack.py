"""The outbox through slack_sdk against the stand-in Slack with its faults."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outbox import Outbox
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.clock import Clock
from feedback_app.hop import Item, Output, Result
from feedback_app.kafka.topics import Topics
from feedback_app.sandbox import SLACK_BOT_TOKEN, ManualClock, Sandbox, read_log
from feedback_app.sandbox.log import Posted, Refused
from feedback_app.settings import Settings
from models import Alert
from models.alert import alert_id

HELD_S = 3
ALERTS = 80
SPEED = 20
"""Seconds of the outbox and of Slack in a second of the machine."""
BEGAN = time.time()


class FastClock:
    """A clock that runs ahead of the machine's, for both sides."""

    def time(self) -> float:
        return BEGAN + (time.time() - BEGAN) * SPEED

    def now(self) -> float:
        return self.time()

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


class StandingClock(ManualClock):
    """A clock that the test moves, for both sides."""

    def time(self) -> float:
        return self.now()

    def monotonic(self) -> float:
        return self.now()


class Worker:
    """A worker whose topic is its own state."""

    def __init__(self, sandbox: Sandbox, clock: Clock | None = None, **settings: int) -> None:
        slack = {"slack_bot_token": SLACK_BOT_TOKEN, "slack_api_url": sandbox.slack_url}
        given = {"slack_posts_per_second": 0} | slack | settings
        self.settings = Settings.model_validate(given)
        self.topics = Topics.of(self.settings)
        names = ("#negative-feedback", "#positive-feedback")
        self.channels = {sandbox.slack.channel(name).id: name for name in names}
        self.receivers = Receivers(self.settings)
        self.clock = clock or FastClock()
        self.state = DeliveryState(0)
        self.waiting: dict[str, str | None] = {}
        context = OutboxContext(
            settings=self.settings,
            topics=self.topics,
            receivers=self.receivers,
            clock=self.clock,
            produce=self.produce,
            channel_id=self.channel_id,
            rebalancing=lambda: False,
            assigned=lambda partition: True,
            notice=self.notice,
            report_blocked=self.report_blocked,
        )
        self.outbox = Outbox(context)

    async def channel_id(self, channel: str) -> str:
        return channel

    async def produce(self, outputs: Sequence[Output]) -> None:
        """Take everything at once."""

    def notice(self, key: str, text: str) -> None:
        raise AssertionError(f"{key}: {text}")

    def report_blocked(self, dependency: str, why: str | None) -> None:
        """Keep what is waited for."""
        self.waiting[dependency] = why

    async def deliver(self, n: int) -> Result:
        """Deliver an alert, into the two channels in turn; all are of one partition."""
        channel = list(self.channels)[n % 2]
        alert = Alert(
            id=alert_id("rule", f"x:{n}"),
            op="put",
            rule="rule",
            channel=channel,
            channel_name=self.channels[channel],
            feedback_id=f"x:{n}",
            text=f"number {n}",
            score=0.1,
            label="negative",
            source="x",
        )
        topic = self.topics.alerts.name
        return await self.outbox.deliver(
            Item(topic, 0, n, b"", self.clock.time(), alert, self.state)
        )

    async def deliver_all(self, count: int) -> list[Result]:
        """Deliver so many alerts that wait together."""
        return list(await asyncio.gather(*map(self.deliver, range(count))))

    async def close(self) -> None:
        """End what runs."""
        await self.outbox.close()
        await self.receivers.close()


def carried(sandbox: Sandbox) -> Counter[str]:
    """Return how many messages carry each alert."""
    return Counter(
        one
        for name in ("#negative-feedback", "#positive-feedback")
        for message in sandbox.slack.channel(name).messages
        for one in (message.metadata or {})["event_payload"]["alerts"]
    )


@pytest.mark.parametrize(("digest_above", "share"), [(0, 0.1), (5, 0.6)])
async def test_under_faults_each_alert_stands_in_slack_once(
    digest_above: int, share: float
) -> None:
    faults = frozenset({"lost-answer", "5xx", "429", "disconnect"})
    box = Sandbox(
        posts_per_second=None,
        faults=faults,
        seed=3,
        clock=FastClock(),
        slack={"history_delay": (0, 5)},
    )
    box.faults.set(faults, share=share, most=4)
    await box.start()
    worker = Worker(box, alert_digest_above=digest_above)
    try:
        results = await worker.deliver_all(60)
        assert sum(len(one.counts) for one in results) == 2 * 60
        assert carried(box) == {alert_id("rule", f"x:{n}"): 1 for n in range(60)}
        assert box.faults.happened
    finally:
        await worker.close()
        await box.stop()


async def test_at_one_post_a_second_a_channel_that_enforces_it_sees_no_429(tmp_path: Path) -> None:
    log = tmp_path / "sandbox.jsonl"
    box = Sandbox(
        posts_per_second=1.0, clock=FastClock(), slack={"history_delay": (0, 0)}, log_path=log
    )
    await box.start()
    worker = Worker(box, alert_digest_above=0, slack_posts_per_second=1)
    began = worker.clock.monotonic()
    try:
        await worker.deliver_all(24)
        took = worker.clock.monotonic() - began
    finally:
        await worker.close()
        await box.stop()
    entries = list(read_log(log))
    assert sum(isinstance(entry, Posted) for entry in entries) == 24
    assert [entry for entry in entries if isinstance(entry, Refused)] == []
    assert took >= 10  # twelve posts in each channel, the first at once


async def test_a_retry_after_of_one_channel_holds_up_no_post_of_the_other() -> None:
    time = StandingClock(1_790_000_000.0)
    box = Sandbox(posts_per_second=None, clock=time)
    await box.start()
    worker = Worker(box, time, alert_digest_above=0)
    limited, free = worker.channels
    box.slack.limit(worker.channels[limited], HELD_S)
    try:
        tasks = [asyncio.create_task(worker.deliver(n)) for n in range(ALERTS)]
        # While time stands nothing that Slack holds back is over.
        await asyncio.gather(*tasks[1::2])
        while not worker.waiting.get(f"slack {worker.channels[limited]}"):
            await asyncio.sleep(0.01)
        assert {post.channel for post in posted(box)} == {worker.channels[free]}
        for _ in range(2 * HELD_S):  # in steps that are no standstill
            time.advance(0.5)
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
    finally:
        await worker.close()
        await box.stop()
    for channel, first in ((limited, 0), (free, 1)):
        texts = [post.text for post in posted(box) if post.channel == worker.channels[channel]]
        numbers = [int(text.rpartition(" ")[2]) for text in texts]
        assert numbers == list(range(first, ALERTS, 2))
    refused = [entry for entry in box.log.entries if isinstance(entry, Refused)]
    assert [entry.retry_after for entry in refused] == [HELD_S]


def posted(box: Sandbox) -> list[Posted]:
    """Return what was posted, in order."""
    return [entry for entry in box.log.entries if isinstance(entry, Posted)]

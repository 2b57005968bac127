"""Notices against the stand-in Slack: each once, in order, with nothing in them that pings."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.health.notices import SURE_S, Notice, Notices
from feedback_app.sandbox import SLACK_BOT_TOKEN, ManualClock, Sandbox
from feedback_app.sandbox.slack.state import Message
from feedback_app.settings import Settings
from feedback_app.slack.metadata import NOTICE as EVENT_TYPE

START = 1_790_000_000.0
OPS = "#ops"


class Time:
    """The sandbox's clock for the app: a sleep moves it on at once."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.slept = clock, [0.0]

    def time(self) -> float:
        return self.clock.now()

    monotonic = time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    box = Sandbox(
        clock=ManualClock(START), posts_per_second=None, slack={"history_delay": (0.0, 0.0)}
    )
    await box.start()
    box.slack.create(OPS)
    yield box
    await box.stop()


@pytest.fixture
def time(sandbox: Sandbox) -> Time:
    assert isinstance(sandbox.clock, ManualClock)
    return Time(sandbox.clock)


@pytest.fixture
async def receivers(sandbox: Sandbox) -> AsyncIterator[Receivers]:
    slack = {"slack_bot_token": SLACK_BOT_TOKEN, "slack_api_url": sandbox.slack_url}
    made = Receivers(Settings.model_validate(slack))
    yield made
    await made.close()


def steady(low: float, high: float) -> float:
    """Draw no jitter."""
    return 1.0


@pytest.fixture
async def notices(receivers: Receivers, time: Time) -> AsyncIterator[Notices]:
    service = Notices(OPS, receivers, time, steady)
    await service.start()
    yield service
    await service.stop()


def standing(sandbox: Sandbox) -> list[Message]:
    """Return what stands in the operations channel, oldest first."""
    return sandbox.slack.channel(OPS).messages


def notice(name: str = "a", text: str = "x: silent", perhaps: float | None = None) -> Notice:
    return Notice(name * 32, text, START, perhaps)


async def posted(notices: Notices, one: Notice) -> None:
    """Return once a notice stands in Slack."""
    async with asyncio.timeout(60):
        while not notices.post(one, lambda: True):
            await asyncio.sleep(0.01)


async def test_a_notice_that_is_asked_for_again_and_again_is_posted_once(
    sandbox: Sandbox, notices: Notices
) -> None:
    for name in "ab":
        for _ in range(3):
            notices.post(notice(name, f"source {name}"), lambda: True)
    await posted(notices, notice("b"))
    assert [message.text for message in standing(sandbox)] == ["source a", "source b"]
    metadata = standing(sandbox)[0].metadata
    assert metadata is not None
    assert metadata["event_type"] == EVENT_TYPE
    assert metadata["event_payload"]["id"] == "a" * 32


async def test_nothing_in_a_notice_pings_or_links(sandbox: Sandbox, notices: Notices) -> None:
    await posted(notices, notice(text="X says <!channel> <@U1> <https://evil.example|ok>"))
    (message,) = standing(sandbox)
    assert "<" not in message.text + str(message.blocks)
    assert "&lt;!channel&gt;" in message.text


async def test_what_somebody_else_posted_is_found_and_not_posted_again(
    sandbox: Sandbox, notices: Notices, receivers: Receivers, time: Time
) -> None:
    await posted(notices, notice())
    other = Notices(OPS, receivers, time, steady)
    await other.start()
    await posted(other, notice(perhaps=time.time()))
    await other.stop()
    assert len(standing(sandbox)) == 1
    assert time.clock.now() - START >= SURE_S


async def test_what_nobody_posted_is_posted_after_the_look(
    sandbox: Sandbox, notices: Notices
) -> None:
    await posted(notices, notice(perhaps=START))
    assert len(standing(sandbox)) == 1


async def test_a_lost_answer_makes_no_second_message(sandbox: Sandbox, notices: Notices) -> None:
    sandbox.faults.set(["lost-answer"], share=1.0)
    assert not notices.post(notice(), lambda: True)
    async with asyncio.timeout(60):
        while not standing(sandbox):
            await asyncio.sleep(0.01)
    sandbox.faults.set([])
    await posted(notices, notice())
    assert sandbox.faults.happened["lost-answer"] == 1
    assert len(standing(sandbox)) == 1


async def test_a_post_that_fails_is_retried(sandbox: Sandbox, notices: Notices, time: Time) -> None:
    sandbox.slack.archive(OPS)
    notices.post(notice("a", "first"), lambda: True)
    notices.post(notice("b", "second"), lambda: True)
    async with asyncio.timeout(60):
        while max(time.slept) < 60:
            await asyncio.sleep(0.01)
    sandbox.slack.archive(OPS, False)
    await posted(notices, notice("b"))
    assert [message.text for message in standing(sandbox)] == ["first", "second"]


async def test_a_leader_no_more_gives_up_what_it_had_to_post(
    sandbox: Sandbox, notices: Notices, time: Time
) -> None:
    sandbox.slack.archive(OPS)
    # It leads until the third wait, so that no post is under way when the channel opens.
    notices.post(notice(), lambda: len(time.slept) < 4)
    async with asyncio.timeout(60):
        while len(time.slept) < 4:
            await asyncio.sleep(0.01)
    sandbox.slack.archive(OPS, False)
    await posted(notices, notice("b", "mine"))
    assert [message.text for message in standing(sandbox)] == ["mine"]


async def test_without_a_channel_everything_counts_as_posted(
    receivers: Receivers, time: Time
) -> None:
    assert Notices(None, receivers, time).post(notice(), lambda: True)

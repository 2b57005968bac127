"""When Slack is asked for channels that it did not know, and who waits for its answer."""

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from feedback_app.alerting.channel_lookup import LOOK_EVERY_S
from feedback_app.alerting.channel_resolver import ChannelResolver
from feedback_app.alerting.receivers.base import Resolved
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.hop import TransientError
from feedback_app.settings import Rule, Settings
from feedback_app.slack.channel import unknown
from tests.support.memory_receiver import kind_of
from tests.unit.alerting.virtual import VirtualClock, run
from tests.unit.alerting.world import FakeSlack

KNOWN, MISSING = "#known", "#missing"
LOOK_S = 15.0


class Slack(FakeSlack):
    """A Slack that takes its time to list its channels, or fails; `asked` are the times."""

    def __init__(self, **ids: str) -> None:
        super().__init__()
        self.ids = {f"#{name}": id for name, id in ids.items()}
        self.takes = 0.0
        self.fault: TransientError | None = None
        self.asked: list[float] = []

    async def resolve(self, names: Collection[str], *, verify: bool = False) -> Resolved:
        wanted = list(names)
        self.asked.append(VirtualClock().monotonic())
        await asyncio.sleep(self.takes)
        if self.fault is not None:
            raise self.fault
        ids = {name: self.ids[name] for name in wanted if name in self.ids}
        return Resolved(ids, {name: unknown(name) for name in wanted if name not in ids})


def channels(slack: Any, *names: str) -> ChannelResolver:
    rules = tuple(Rule(id=name.strip("#"), channel=name) for name in names)
    receivers = Receivers(Settings(), (kind_of(slack, slack.form),))
    return ChannelResolver(rules, frozenset(), receivers, 12, VirtualClock().monotonic)


async def places(of: ChannelResolver) -> list[str]:
    return [rule.channel for rule in await of.rules()]


def test_a_missing_channel_blocks_nobody_and_one_look_up_is_in_flight_at_a_time() -> None:
    async def story() -> None:
        slack, clock = Slack(known="C1"), VirtualClock()
        found = channels(slack, KNOWN, MISSING)
        assert await places(found) == ["C1", MISSING]
        await clock.sleep(LOOK_EVERY_S)
        slack.takes, slack.ids[MISSING] = LOOK_S, "C2"
        for _ in range(10):
            before = clock.monotonic()
            assert await places(found) == ["C1", MISSING]
            assert clock.monotonic() == before
            await clock.sleep(1)
        assert len(slack.asked) == 2
        await clock.sleep(LOOK_S)
        assert await places(found) == ["C1", "C2"]
        assert await found.find(MISSING) == "C2"

    run(story())


def test_all_who_wait_share_one_look_up_and_its_result() -> None:
    async def story() -> None:
        slack = Slack()
        slack.takes, slack.fault = LOOK_S, TransientError("slack", "it rests", 60.0)
        found = channels(slack, KNOWN)
        waiting = [found.rules(), found.find(KNOWN), found.find(MISSING)]
        faults = await asyncio.gather(*waiting, return_exceptions=True)
        for fault in faults:
            assert isinstance(fault, TransientError)
            assert (str(fault), fault.retry_after) == ("it rests", 60.0)
        with pytest.raises(TransientError, match="it rests"):
            await found.rules()
        assert len(slack.asked) == 1

    run(story())


def test_the_time_to_the_next_look_up_runs_from_the_end_of_one_and_is_what_slack_asks_for() -> None:
    async def story() -> None:
        slack, clock = Slack(known="C1"), VirtualClock()
        found = channels(slack, KNOWN, MISSING)
        await found.rules()
        slack.takes, slack.fault = LOOK_S, TransientError("slack", "ratelimited", 60.0)
        for _ in range(120):
            await clock.sleep(1)
            assert await places(found) == ["C1", MISSING]
        assert slack.asked == [0.0, LOOK_EVERY_S, 2 * LOOK_EVERY_S + LOOK_S + 60.0]

    run(story())


def test_a_channel_that_was_never_asked_for_is_asked_for_at_once() -> None:
    async def story() -> None:
        slack = Slack(known="C1", missing="C2", other="C3")
        slack.takes = 1.0
        found = channels(slack, KNOWN)
        looking = asyncio.ensure_future(found.rules())
        await asyncio.sleep(0.5)
        assert await found.find(MISSING) == "C2"  # the look under way began before
        assert await found.find("#other") == "C3"
        await looking
        assert slack.asked == [0.0, 1.0, 2.0]
        for _ in range(3):
            with pytest.raises(TransientError, match="sees no Slack channel #nowhere"):
                await found.find("#nowhere")
        assert slack.asked == [0.0, 1.0, 2.0, 3.0]

    run(story())


def test_a_caller_that_stops_waiting_leaves_the_look_up_to_the_others() -> None:
    async def story() -> None:
        slack = Slack(known="C1")
        slack.takes = LOOK_S
        found = channels(slack, KNOWN)
        first, second = (asyncio.ensure_future(places(found)) for _ in range(2))
        await asyncio.sleep(1)
        first.cancel()
        assert await second == ["C1"]
        assert len(slack.asked) == 1

    run(story())


def test_a_look_up_in_flight_ends_with_the_worker() -> None:
    async def story() -> None:
        slack = Slack(known="C1")
        found = channels(slack, KNOWN, MISSING)
        await found.rules()
        await asyncio.sleep(LOOK_EVERY_S)
        slack.takes = 3600.0
        await found.rules()
        await asyncio.sleep(1)
        before = VirtualClock().monotonic()
        await found.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert VirtualClock().monotonic() == before
        await found.close()

    run(story())


def test_a_bug_in_a_look_up_is_logged_and_does_not_repeat_immediately(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        slack: Any = Slack(known="C1")
        found = channels(slack, KNOWN, MISSING)
        await found.rules()
        await asyncio.sleep(LOOK_EVERY_S)
        slack.fault = KeyError("channels")
        for _ in range(10):
            assert await places(found) == ["C1", MISSING]
            await asyncio.sleep(1)
        assert len(slack.asked) == 2
        assert "KeyError('channels')" in caplog.text

    run(story())

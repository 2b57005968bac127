"""Several kinds of receivers side by side: each channel's is found by the form of its name."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest

from feedback_app.alerting.channel_lookup import LOOK_EVERY_S
from feedback_app.alerting.channel_resolver import ChannelResolver
from feedback_app.alerting.receivers.base import Resolved
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.alerting.receivers.registry import KINDS
from feedback_app.alerting.receivers.slack.receiver import SlackReceiver
from feedback_app.hop import BadRecord, TransientError
from feedback_app.load_settings import load
from feedback_app.settings import ConfigurationError, Rule, Settings
from models import Alert
from tests.support.memory_receiver import MemoryReceiver, kind_of
from tests.unit.alerting.virtual import VirtualClock, run
from tests.unit.alerting.world import FakeSlack, Topic, Worker, alert, total

KNOWN = "#negative-feedback"


class Both(Worker):
    """A worker with Slack in memory and a second receiver, registered by one row."""

    def __init__(self, slack: FakeSlack, memory: MemoryReceiver, **settings: int) -> None:
        super().__init__(Topic(), slack, None, kind_of(memory), **settings)
        self.memory = memory

    async def channel_id(self, channel: str) -> str:
        return self.memory.channels.get(channel) or await super().channel_id(channel)


def into(channel: str, feedback: str) -> Alert:
    return alert(feedback, channel=channel, channel_name=channel)


def test_each_alert_goes_where_the_form_of_its_channel_says() -> None:
    async def story() -> None:
        slack, memory = FakeSlack(), MemoryReceiver(VirtualClock())
        place = memory.create("memory:team")
        worker = Both(slack, memory)
        slack.down_until = worker.clock.time() + 600
        held = asyncio.ensure_future(worker.deliver(0, alert("x:1")))
        result = await worker.deliver(1, into("memory:team", "x:2"))
        assert worker.clock.monotonic() < 1, "one receiver's outage holds up no other"
        assert result.counts == [("memory:team", "created"), ("memory:team", "delivered")]
        assert list(worker.waiting) == [f"slack {KNOWN}"]
        assert total([await held]) == {"created": 1, "delivered": 1}
        assert [one.content.text for one in memory.messages[place].values()] == ["0.1: x:2 r0"]
        assert len(slack.standing()) == 1
        assert not worker.waiting

    run(story())


def test_a_digest_has_as_many_lines_as_its_receiver_allows() -> None:
    async def story() -> None:
        memory = MemoryReceiver(VirtualClock())
        memory.max_digest = 3
        place = memory.create("memory:team")
        worker = Both(FakeSlack(), memory, alert_digest_above=2)
        await worker.deliver_all([into("memory:team", f"x:{n}") for n in range(6)])
        assert [len(one.content.alerts) for one in memory.messages[place].values()] == [3, 3]

    run(story())


def test_an_alert_for_no_receiver_is_a_bad_record() -> None:
    async def story() -> None:
        worker = Worker(Topic(), FakeSlack())
        with pytest.raises(BadRecord, match="no receiver has channels like 'teams:x'"):
            await worker.outbox.deliver(worker.item(0, into("teams:x", "x:1")))

    run(story())


class Listing(MemoryReceiver):
    """Fails to list its channels until it is told not to."""

    failing = True

    async def resolve(self, names: Collection[str], *, verify: bool = False) -> Resolved:
        if self.failing:
            raise TransientError(self.name, "it rests")
        return await super().resolve(names, verify=verify)


def test_channels_of_a_receiver_that_fails_keep_their_names_and_hold_up_no_others() -> None:
    async def story() -> None:
        clock = VirtualClock()
        slack, memory = FakeSlack(), Listing(clock)
        slack.channels[KNOWN] = "C0NEGATIVE"
        memory.create("memory:team")
        rules = (
            Rule.model_construct(id="one", channel="memory:team"),
            Rule(id="two", channel=KNOWN),
        )
        kinds = (kind_of(slack, slack.form), kind_of(memory))
        channels = ChannelResolver(
            rules, frozenset(), Receivers(Settings(), kinds), 12, clock.monotonic
        )
        found = [rule.channel for rule in await channels.rules()]
        assert found == ["memory:team", "C0NEGATIVE"]
        with pytest.raises(TransientError, match="it rests"):
            await channels.find("memory:team")
        memory.failing = False
        await clock.sleep(LOOK_EVERY_S)
        await channels.rules()
        assert await channels.find("memory:team") == memory.channels["memory:team"]
        found = [rule.channel for rule in await channels.rules()]
        assert found == [memory.channels["memory:team"], "C0NEGATIVE"]

    run(story())


def test_a_rule_for_no_receiver_stops_the_start() -> None:
    rule = Rule.model_construct(id="one", channel="teams:x")
    with pytest.raises(ConfigurationError, match="rule one: no receiver has channels like"):
        ChannelResolver((rule,), frozenset(), Receivers(Settings()), 12, lambda: 0.0)


async def test_channels_of_any_receiver_are_verified_together() -> None:
    class Clock(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            return

    memory = MemoryReceiver(Clock())
    place = memory.create("memory:team")
    receivers = Receivers(Settings(), (*KINDS, kind_of(memory)))
    found = await receivers.verify({"memory:team", "memory:/999", "teams:x"})
    assert found.ids == {"memory:team": place}
    assert set(found.unknown) == {"memory:/999", "teams:x"}
    assert "no receiver" in found.unknown["teams:x"]


@pytest.mark.parametrize(
    "channel", ["#a", "#a b", "#", "#a,b", "C0123456789", "G01234", "C1", "D0123456789", "x", ""]
)
def test_the_configuration_accepts_the_channels_of_the_registered_receivers(
    channel: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[[rules]]\nid = "r"\nbelow = 0.1\nchannel = "{channel}"\n')
    environment = {"FEEDBACK_CONFIG": str(config)}
    if any(kind.channel_form.fullmatch(channel) for kind in KINDS):
        assert load(environment).rules[-1].channel == channel
    else:
        with pytest.raises(ConfigurationError, match=r"rules\.2\.channel: .* is no channel"):
            load(environment)


def test_slacks_row() -> None:
    receiver = Receivers(Settings(slack_posts_per_second=2)).of("C0123456789")
    assert isinstance(receiver, SlackReceiver)
    assert (receiver.name, receiver.title, receiver.max_digest) == ("slack", "Slack", 40)
    assert Receivers(Settings(slack_posts_per_second=2)).posts_per_second(KNOWN) == 2

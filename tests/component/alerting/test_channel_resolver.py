"""The channels of the rules, as the stand-in Slack has them or comes to have them."""

from collections.abc import AsyncIterator

import pytest

from feedback_app.alerting import channel_resolver
from feedback_app.alerting.channel_lookup import LOOK_EVERY_S
from feedback_app.alerting.channel_resolver import ChannelResolver
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.alerting.rules import partition_of
from feedback_app.hop import TransientError
from feedback_app.sandbox import SLACK_BOT_TOKEN, ManualClock, Sandbox
from feedback_app.settings import ConfigurationError, Rule, Settings

KNOWN, MISSING = "#negative-feedback", "#not-there-yet"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the check at the start take as long as a slow machine needs."""
    monkeypatch.setattr(channel_resolver, "CHECK_S", 60.0)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Yield a sandbox."""
    box = Sandbox(posts_per_second=None)
    await box.start()
    yield box
    await box.stop()


class World:
    """ChannelResolver of rules on a Slack, and the time."""

    def __init__(self, url: str, *channels: str, listened: frozenset[str] = frozenset()) -> None:
        self.clock = ManualClock(1000.0)
        tokens = {"slack_bot_token": SLACK_BOT_TOKEN, "slack_api_url": url}
        self.receivers = Receivers(Settings.model_validate(tokens))
        rules = tuple(Rule(id=name.strip("#"), channel=name) for name in channels)
        self.channels = ChannelResolver(rules, listened, self.receivers, 12, self.clock.now)

    async def __aenter__(self) -> ChannelResolver:
        return self.channels

    async def __aexit__(self, *exc_info: object) -> None:
        await self.receivers.close()


async def test_a_channel_that_slack_does_not_know_bears_its_name_until_it_does(
    sandbox: Sandbox,
) -> None:
    world = World(sandbox.slack_url, KNOWN, MISSING)
    async with world as channels:
        known = sandbox.slack.channel(KNOWN).id
        assert [rule.channel for rule in await channels.rules()] == [known, MISSING]
        assert await channels.find(KNOWN) == await channels.find(known) == known
        with pytest.raises(TransientError, match=f"sees no Slack channel {MISSING}: create it"):
            await channels.find(MISSING)
        later = sandbox.slack.create(MISSING).id
        with pytest.raises(TransientError):
            await channels.find(MISSING)  # Slack was asked a moment ago
        assert [rule.channel for rule in await channels.rules()] == [known, MISSING]
        world.clock.advance(LOOK_EVERY_S)
        assert await channels.find(MISSING) == later
        assert [rule.channel for rule in await channels.rules()] == [known, later]
        places = [rule.partition for rule in await channels.rules()]
        assert places == [partition_of(KNOWN, 12), partition_of(MISSING, 12)]


async def test_a_channel_of_no_rule_any_more_is_found_too(sandbox: Sandbox) -> None:
    async with World(sandbox.slack_url, KNOWN) as channels:
        positive = sandbox.slack.channel("#positive-feedback").id
        assert await channels.find("#positive-feedback") == positive


async def test_while_slack_is_away_nothing_is_known_and_a_start_goes_on() -> None:
    async with World("http://127.0.0.1:1/api/", KNOWN) as channels:
        await channels.check_start()
        with pytest.raises(TransientError, match="cannot list the channels"):
            await channels.rules()


@pytest.mark.parametrize("by_id", [True, False])
async def test_a_channel_that_is_listened_to_and_posted_to_stops_the_start(
    sandbox: Sandbox, by_id: bool
) -> None:
    id = sandbox.slack.channel(KNOWN).id
    posted, listened = (id, KNOWN) if by_id else (KNOWN, id)
    async with World(sandbox.slack_url, posted, listened=frozenset([listened])) as channels:
        with pytest.raises(ConfigurationError, match=f"{id}.* is listened to and posted to"):
            await channels.check_start()
        with pytest.raises(TransientError, match="choose another one"):
            await channels.rules()


@pytest.mark.parametrize("name_first", [True, False])
async def test_two_rules_that_name_one_channel_in_two_ways_stop_the_start(
    sandbox: Sandbox, name_first: bool
) -> None:
    id = sandbox.slack.channel(KNOWN).id
    first, second = (KNOWN, id) if name_first else (id, KNOWN)
    async with World(sandbox.slack_url, MISSING, first, first, second) as channels:
        words = f"name one channel in two ways, {first} and {second}: write it in the same way"
        with pytest.raises(ConfigurationError, match=words):
            await channels.check_start()
        with pytest.raises(TransientError, match=words):
            await channels.rules()


async def test_an_alert_that_names_its_channel_in_another_way_than_its_rule_does_no_harm(
    sandbox: Sandbox,
) -> None:
    id = sandbox.slack.channel(KNOWN).id
    listened = frozenset([sandbox.slack.channel("#feedback").id])
    async with World(sandbox.slack_url, id, listened=listened) as channels:
        assert await channels.find(KNOWN) == id
        assert await channels.find("#feedback") in listened
        assert [rule.channel for rule in await channels.rules()] == [id]


async def test_channels_that_differ_pass_the_start(sandbox: Sandbox) -> None:
    other = frozenset([sandbox.slack.channel("#feedback").id, "#nowhere"])
    async with World(sandbox.slack_url, KNOWN, MISSING, listened=other) as channels:
        await channels.check_start()
        assert len(await channels.rules()) == 2

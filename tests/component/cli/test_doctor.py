"""The doctor against stand-ins: every fault that it promises to find, with the way to fix it."""

from collections.abc import Callable

import pytest

from feedback_app.doctor.check import Check
from feedback_app.doctor.kafka import check_kafka, judge_topics
from feedback_app.doctor.model import check_model
from feedback_app.doctor.slack import check_slack, token_form
from feedback_app.doctor.x import check_x
from feedback_app.kafka.admin import TopicState
from feedback_app.kafka.topics import Topic, Topics
from feedback_app.sandbox import Sandbox
from feedback_app.settings import Settings
from tests.component.cli.conftest import Configure
from tests.support.clocks import HandClock


def failed(checks: list[Check]) -> dict[str, Check]:
    """Return the failed checks by name; each says how to fix it."""
    found = {check.name: check for check in checks if check.ok is False}
    assert all(check.remedy for check in found.values())
    return found


async def slack(
    configure: Configure, clock: HandClock, live: bool = False, **changes: str | None
) -> list[Check]:
    return await check_slack(configure(**changes), clock, live=live)


async def test_a_slack_where_all_is_well(configure: Configure, clock: HandClock) -> None:
    checks = await slack(configure, clock)
    assert failed(checks) == {}
    names = [check.name for check in checks]
    for channel in ("#negative-feedback", "#positive-feedback", "#feedback-ops", "#product"):
        assert f"channel {channel}" in names


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "is not set"),
        ("xapp-1-A", "an app-level token"),
        ("xoxp-1", "a user token"),
        ('"xoxb-1"', "quotation marks"),
        ("nonsense", "no token"),
    ],
)
async def test_a_bot_token_that_cannot_be_one_is_told_from_its_form(
    configure: Configure, clock: HandClock, token: str | None, words: str
) -> None:
    check = failed(await slack(configure, clock, slack_bot_token=token))["Slack bot token"]
    assert words in check.detail
    assert "xoxb-" in check.remedy
    assert token is None or token not in check.detail


def test_a_token_of_the_right_form_passes() -> None:
    assert token_form("T", "xoxb-1-2", "xoxb-") is None


async def test_a_missing_app_token_matters_only_where_slack_is_listened_to(
    configure: Configure, clock: HandClock
) -> None:
    assert "Slack app token" in failed(await slack(configure, clock, slack_app_token=None))
    checks = await slack(configure, clock, slack_app_token=None, slack_channels=None)
    assert failed(checks) == {}


SPOILED: dict[str, tuple[Callable[[Sandbox], object], str, str]] = {
    "the tokens were revoked": (
        lambda box: box.slack.revoke_tokens(),
        "Slack bot token",
        "install the app again",
    ),
    "a scope is missing": (
        lambda box: box.slack.access.scopes.discard("metadata.message:read"),
        "Slack scopes",
        "add them under OAuth",
    ),
    "the bot is not in a channel": (
        lambda box: box.slack.remove_bot("#feedback"),
        "channel #feedback",
        "/invite @feedback_monitor",
    ),
    "a channel is archived": (
        lambda box: box.slack.archive("#negative-feedback"),
        "channel #negative-feedback",
        "unarchive",
    ),
    "the X token was revoked": (
        lambda box: box.x.revoke_token(),
        "X token",
        "FEEDBACK_X_BEARER_TOKEN",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
async def test_a_fault_is_found_with_the_way_to_mend_it(
    sandbox: Sandbox, configure: Configure, clock: HandClock, name: str
) -> None:
    spoil, check, remedy = SPOILED[name]
    spoil(sandbox)
    checks = await slack(configure, clock) + await check_x(configure(), sandbox.clock.now)
    assert remedy in failed(checks)[check].remedy


async def test_an_alert_channel_that_is_missing_is_named_with_its_use(
    configure: Configure, clock: HandClock
) -> None:
    found = failed(await slack(configure, clock, negative_channel="#nowhere"))
    assert "for alerts" in found["channel #nowhere"].detail


@pytest.mark.parametrize(
    ("setting", "name", "words", "remedy"),
    [
        ("ops_channel", "#negative-feedback", "is named in two ways", "write #negative-feedback"),
        ("ops_channel id", "#negative-feedback", "is named in two ways", "write C"),
        ("positive_channel", "#negative-feedback", "is named in two ways", "write #negative"),
        ("negative_channel", "#feedback", "listened to under one", "choose another channel"),
        ("slack_channels", "#product", "is named in two ways", "write #product everywhere"),
    ],
)
async def test_two_spellings_of_one_channel_are_found(
    sandbox: Sandbox,
    configure: Configure,
    clock: HandClock,
    setting: str,
    name: str,
    words: str,
    remedy: str,
) -> None:
    id = sandbox.slack.channel(name).id
    value = f"#feedback,{name},{id}" if setting == "slack_channels" else id
    changes = {setting: value}
    if setting == "ops_channel id":
        changes = {"negative_channel": id, "ops_channel": name}
    found = failed(await check_slack(configure(**changes), clock, live=False))
    (check,) = [check for check in found.values() if words in check.detail]
    assert name in check.detail
    assert id in check.detail
    assert remedy in check.remedy


async def test_a_channel_named_by_its_id_everywhere_is_well(
    sandbox: Sandbox, configure: Configure, clock: HandClock
) -> None:
    id = sandbox.slack.channel("#negative-feedback").id
    assert failed(await slack(configure, clock, negative_channel=id, positive_channel=id)) == {}


async def test_a_live_test_leaves_nothing_behind(
    sandbox: Sandbox, configure: Configure, clock: HandClock
) -> None:
    checks = await slack(configure, clock, live=True)
    assert failed(checks) == {}
    assert checks[-1].name == "live post"
    assert sandbox.slack.channel("#feedback-ops").messages == []


async def test_a_live_test_finds_metadata_that_cannot_be_read(
    sandbox: Sandbox, configure: Configure, clock: HandClock
) -> None:
    sandbox.slack.access.scopes.discard("metadata.message:read")
    check = failed(await slack(configure, clock, live=True))["live post"]
    assert "metadata" in check.remedy or "scope" in check.remedy
    assert sandbox.slack.channel("#feedback-ops").messages == []


async def test_a_slack_that_does_not_answer_is_told_apart_from_a_refusal(
    configure: Configure, clock: HandClock
) -> None:
    found = failed(await slack(configure, clock, slack_api_url="http://127.0.0.1:1/api/"))
    assert "does not answer" in found["Slack bot token"].detail
    assert "does not answer" in found["Slack app token"].detail


async def test_x_is_asked_for_nothing_that_costs(sandbox: Sandbox, configure: Configure) -> None:
    sandbox.x.post("so many posts", lang="en")
    checks = await check_x(configure(), sandbox.clock.now)
    assert failed(checks) == {}
    given = [entry for entry in sandbox.log.entries if getattr(entry, "ids", ())]
    assert given == []


async def test_a_query_that_x_refuses_is_found(sandbox: Sandbox, configure: Configure) -> None:
    found = failed(await check_x(configure(x_query="(broken"), sandbox.clock.now))
    assert found["source x"].remedy == "fix the query"


async def test_without_an_x_source_no_token_is_needed(
    sandbox: Sandbox, configure: Configure
) -> None:
    checks = await check_x(configure(x_query=None, x_bearer_token=None), sandbox.clock.now)
    assert [check.ok for check in checks] == [None]
    assert "X token" in failed(await check_x(configure(x_bearer_token=None), sandbox.clock.now))


async def test_a_broker_that_does_not_answer_is_found(configure: Configure) -> None:
    found = failed(await check_kafka(configure(kafka_bootstrap="127.0.0.1:1")))
    assert "FEEDBACK_KAFKA_BOOTSTRAP" in found["Kafka"].remedy


async def test_no_broker_at_all_is_no_fault(configure: Configure) -> None:
    assert [check.ok for check in await check_kafka(configure())] == [None]


async def test_the_owner_of_topics_that_are_missing_is_not_waited_for(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def survey(settings: Settings, topics: Topics) -> list[TopicState]:
        return [TopicState(topic, None) for topic in topics.all()]

    monkeypatch.setattr("feedback_app.doctor.kafka.survey", survey)
    checks = await check_kafka(configure(kafka_bootstrap="127.0.0.1:1"))
    assert {check.name: check.ok for check in checks} == {
        "Kafka": True,
        "topics": False,
        "topic prefix": None,
    }
    assert checks[-1].detail == "its owner is known once the topics are there"


def test_missing_topics_and_wrong_counts_are_told_apart() -> None:
    topic = Topic("t", 12)
    assert [c.ok for c in judge_topics([TopicState(topic, 12)])] == [True]
    (missing,) = judge_topics([TopicState(topic, None)])
    assert missing.remedy == "run `feedback topics --create`"
    (wrong,) = judge_topics([TopicState(topic, 6)])
    assert "FEEDBACK_PARTITIONS=6" in wrong.remedy


async def test_a_model_that_does_not_load_is_found(configure: Configure) -> None:
    assert (await check_model(configure())).ok
    check = await check_model(configure(model="/no/such/model"))
    assert check.ok is False
    assert "FEEDBACK_MODEL" in check.remedy

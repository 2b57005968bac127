"""What the environment, `.env` and the TOML file may say, and the one line where they may not."""

import runpy
from datetime import timedelta
from pathlib import Path

import pytest

from feedback_app.load_settings import load
from feedback_app.settings import ConfigurationError, Settings
from feedback_app.sources.slack.options import SlackOptions
from feedback_app.sources.x.options import XSearchOptions

ROOT = Path(__file__).parents[3]


def test_the_defaults_work() -> None:
    settings = load({})
    assert [(rule.id, rule.channel, rule.below, rule.above) for rule in settings.rules] == [
        ("negative", "#negative-feedback", 0.3, None),
        ("positive", "#positive-feedback", None, 0.9),
    ]
    assert settings.sources == ()
    assert settings.alert_max_age == timedelta(hours=6)
    assert (settings.web_host, settings.web_port, settings.partitions) == ("127.0.0.1", 6066, 12)


def test_the_sources_of_the_environment_are_x_and_slack() -> None:
    env = {"FEEDBACK_X_QUERY": "kettle", "FEEDBACK_SLACK_CHANNELS": "#feedback, C0123456789"}
    x, slack = load(env).sources
    assert isinstance(x, XSearchOptions)
    assert isinstance(slack, SlackOptions)
    assert (x.id, x.type, x.query, x.start) == ("x", "x-search", "kettle", "now")
    assert (slack.id, slack.listens) == ("slack", ("#feedback", "C0123456789"))


def test_the_toml_file_adds_sources_and_rules(tmp_path: Path) -> None:
    path = tmp_path / "feedback.toml"
    path.write_text(
        '[[sources]]\nid = "a"\ntype = "slack"\nchannel = "#a"\nsilent_after = "2h"\n'
        '[[rules]]\nid = "furious"\nchannel = "#on-call"\nbelow = 0.05\n'
    )
    settings = load({"FEEDBACK_CONFIG": str(path), "FEEDBACK_X_QUERY": "kettle"})
    assert [source.id for source in settings.sources] == ["a", "x"]
    assert settings.sources[0].silent_after == timedelta(hours=2)
    assert [rule.id for rule in settings.rules] == ["negative", "positive", "furious"]


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"NEGATIVE_BELOW": "1.5"}, "FEEDBACK_NEGATIVE_BELOW: Input should be less than or equal"),
        ({"NEGATIVE_BELOW": "low"}, "FEEDBACK_NEGATIVE_BELOW: Input should be a valid number"),
        ({"NEGATIVE_BELOW": "0.95"}, "is above FEEDBACK_POSITIVE_ABOVE"),
        ({"NEGATIVE_CHANNEL": "negative"}, "'negative' is no channel"),
        ({"SLACK_CHANNELS": "#negative-feedback"}, "#negative-feedback is listened to"),
        ({"SLACK_CHANNELS": "#ops", "OPS_CHANNEL": "#ops"}, "#ops is listened to"),
        ({"WEB_HOST": "0.0.0.0"}, "set FEEDBACK_WEB_TOKEN"),
        ({"WEB_PORT": "99999"}, "FEEDBACK_WEB_PORT: "),
        ({"PARTITIONS": "0"}, "FEEDBACK_PARTITIONS: "),
        ({"KAFKA_BOOTSTRAP": "kafka"}, "'kafka' is not host:port"),
        ({"KAFKA_SECURITY": "TLS"}, "FEEDBACK_KAFKA_SECURITY: "),
        ({"KAFKA_SECURITY": "SASL_SSL"}, "FEEDBACK_KAFKA_SASL_USERNAME and"),
        ({"KAFKA_SECURITY": "SSL", "KAFKA_SASL_USERNAME": "u"}, "sends no user name"),
        ({"KAFKA_SASL_PASSWORD": "p"}, "sends no user name"),
        ({"KAFKA_CA_FILE": "/ca.pem"}, "encrypts nothing"),
        ({"ALERT_MAX_AGE": "soon"}, "FEEDBACK_ALERT_MAX_AGE: "),
        ({"X_QUERY": "k" * 513}, "the query is over 512 characters"),
        ({"X_BEARER_TOKEN_FILE": "/nowhere"}, "FEEDBACK_X_BEARER_TOKEN_FILE: cannot read /nowhere"),
        ({"CONFIG": "/nowhere"}, "FEEDBACK_CONFIG: cannot read /nowhere"),
        ({"WEB_TOKEN_FILE": "/dev/null"}, "FEEDBACK_WEB_TOKEN_FILE: /dev/null is empty"),
        ({"WEB_TOKEN": "  "}, "FEEDBACK_WEB_TOKEN: it is blank"),
        ({"X_START": "30d"}, "30d is further back than X can search"),
        ({"SESSION_TIMEOUT": "0"}, "FEEDBACK_SESSION_TIMEOUT: "),
    ],
)
def test_what_cannot_work_stops_with_one_line(env: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        load({f"FEEDBACK_{name}": value for name, value in env.items()})
    assert line in str(stopped.value)
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("[[sources]", "feedback.toml: "),
        ("[[source]]\nid='a'", "unknown table source"),
        ("[[sources]]\nid='a'\ntype='x-search'", "source a: x-search needs a query"),
        ("[[sources]]\nid='a'\ntype='slack'", "source a: slack needs a channel"),
        ("[[sources]]\nid='a'\ntype='slack'\nchannel='#a'\npattern='('", "source a: pattern: "),
        ("[[sources]]\nid='a'\ntype='slack'\nchannel='#a'\nquerry='x'", "sources.0.querry: Extra"),
        (
            "[[sources]]\nid='a'\ntype='slack'\nchannel='#a'\nquery='x'",
            "sources.0.query: Extra key, remove or rename it: source a of type slack has only id, "
            "type, silent_after, channel, channels, keyword, pattern",
        ),
        (
            "[[sources]]\nid='a'\ntype='x-search'\nquery='x'\nkeyword='k'",
            "sources.0.keyword: Extra key, remove or rename it: source a of type x-search has",
        ),
        (
            "[[sources]]\nid='a'\ntype='x-search'\nquery='x'\npoll_seconds=0",
            "sources.0.poll_seconds: source a: Input should be greater than 0",
        ),
        ("[[sources]]\nid='a'\ntype='mastodon'", "source a: unknown source type 'mastodon'"),
        ("[[sources]]\nid='a'", "sources.0.type: Field required"),
        ("[[sources]]\ntype='slack'\nchannel='#a'", "sources.0.id: Field required"),
        ("[[sources]]\nid='x'\ntype='slack'\nchannel='#a'", "two sources have the id x"),
        ("[[rules]]\nid='r'\nchannel='#r'\nbelow=7", "rules.2.below: "),
        ("[[rules]]\nid='negative'\nchannel='#r'", "two rules have the id negative"),
        ("[[rules]]\nid='r'\nchannel='#r'\nsource='y'", "rule r: there is no source y"),
        ("sources = 5", "sources is no list of tables"),
        ("[[sources]]\nid='a'\ntype='x-search'\nquery='k'\nstart='30d'", "30d is further back"),
    ],
)
def test_a_wrong_file_stops_with_one_line(tmp_path: Path, toml: str, line: str) -> None:
    path = tmp_path / "feedback.toml"
    path.write_text(toml)
    with pytest.raises(ConfigurationError) as stopped:
        load({"FEEDBACK_CONFIG": str(path), "FEEDBACK_X_QUERY": "kettle"})
    assert line in str(stopped.value)


def test_a_secret_can_stand_in_a_file_and_shows_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("xoxb-very-secret\n")
    settings = load({"FEEDBACK_SLACK_BOT_TOKEN_FILE": str(path)})
    assert settings.slack_bot_token is not None
    assert settings.slack_bot_token.get_secret_value() == "xoxb-very-secret"
    assert "very-secret" not in repr(settings) + str(settings.model_dump())


def test_a_wrong_secret_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as stopped:
        load({"FEEDBACK_WEB_TOKEN": "hunter2", "FEEDBACK_WEB_PORT": "x"})
    assert "hunter2" not in str(stopped.value)


def test_the_page_of_the_docs_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "render_configuration.py"))["render"]()
    assert (ROOT / "docs" / "configuration.md").read_text() == page


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []

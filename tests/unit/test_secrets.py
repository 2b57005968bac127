"""No secret shows where settings are shown, where loading them fails, or where libraries log."""

import logging
from pathlib import Path

import pytest
from aiokafka.protocol.admin import SaslAuthenticateRequest
from aiokafka.protocol.metadata import MetadataRequest

from feedback_app.kafka.clients import client_options
from feedback_app.load_settings import load
from feedback_app.runtime.app import create_app
from feedback_app.settings import PREFIX, SECRETS, ConfigurationError, Settings

VALUES = {name: f"secret-{number}-c4f1e7" for number, name in enumerate(SECRETS)}
ENVIRON = {f"{PREFIX}{name}": value for name, value in VALUES.items()} | {
    "FEEDBACK_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "FEEDBACK_KAFKA_SECURITY": "SASL_PLAINTEXT",
    "FEEDBACK_KAFKA_SASL_USERNAME": "worker",
    "FEEDBACK_X_QUERY": "larkbox",
    "FEEDBACK_SLACK_CHANNELS": "#customers",
}


def shown(text: str) -> list[str]:
    """Return the names of the secrets that stand in a text."""
    return [name for name, value in VALUES.items() if value in text]


def test_every_secret_is_kept_as_one() -> None:
    settings = load(ENVIRON)
    for name, value in VALUES.items():
        assert getattr(settings, name.lower()).get_secret_value() == value


def test_settings_show_none_however_they_are_printed() -> None:
    settings = load(ENVIRON)
    for text in (repr(settings), str(settings), settings.model_dump_json(), f"{vars(settings)}"):
        assert shown(text) == []


def test_every_setting_that_sounds_like_a_secret_is_one() -> None:
    sounding = {
        name.upper()
        for name in Settings.model_fields
        if name.endswith(("token", "password", "key", "secret"))
    }
    assert sounding == set(SECRETS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"FEEDBACK_KAFKA_SASL_USERNAME": ""},
        {"FEEDBACK_PARTITIONS": "many"},
        {"FEEDBACK_NEGATIVE_BELOW": "0.99"},
        {"FEEDBACK_CONFIG": "no-such-file.toml"},
        {"FEEDBACK_WEB_HOST": "0.0.0.0", "FEEDBACK_WEB_TOKEN": ""},
    ],
)
def test_a_start_that_fails_shows_none(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(ENVIRON | wrong)
    assert shown(f"{caught.value!r} {caught.value.__cause__!r}") == []


def test_a_file_that_cannot_be_read_is_named_and_nothing_else(tmp_path: Path) -> None:
    environ = {**ENVIRON, "FEEDBACK_WEB_TOKEN": "", "FEEDBACK_WEB_TOKEN_FILE": str(tmp_path)}
    with pytest.raises(ConfigurationError, match="FEEDBACK_WEB_TOKEN_FILE") as caught:
        load(environ)
    assert shown(str(caught.value)) == []


def test_the_app_shows_none() -> None:
    app = create_app(load(ENVIRON))
    receivers = app.pipeline.receivers
    slack = receivers.of("#negative-feedback")
    for thing in (app, app.conf, app.conf.broker_credentials, app.pipeline, receivers, slack):
        assert shown(f"{thing!r} {thing}") == []


def test_kafkas_passwords_are_kept_out_of_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = client_options(load(ENVIRON))["sasl_plain_password"]
    log = logging.getLogger("aiokafka.conn")
    versions = {SaslAuthenticateRequest.API_KEY: (0, 1), MetadataRequest.API_KEY: (0, 1)}
    request = SaslAuthenticateRequest(f"\0worker\0{password}".encode()).prepare(versions)
    # Whatever configured logging in this process before.
    monkeypatch.setattr(log, "disabled", False)
    monkeypatch.setattr(log, "propagate", True)
    monkeypatch.setattr(logging.getLogger("aiokafka"), "propagate", True)
    with caplog.at_level(logging.DEBUG, "aiokafka.conn"):
        # As the library does with each request that it sends.
        log.debug("Request to %s:%d %d: %s", "127.0.0.1", 1, 3, request)
        log.debug(
            "Request to %s:%d %d: %s", "127.0.0.1", 1, 4, MetadataRequest([]).prepare(versions)
        )
    assert "MetadataRequest" in caplog.text
    assert shown(caplog.text) == []
    assert password in repr(request), "the library no longer shows it: the filter can go"

"""From the settings to the options of the Kafka client."""

import ssl
from pathlib import Path

import pytest

from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import admin_client, client_options, ssl_context
from feedback_app.load_settings import load
from feedback_app.settings import ConfigurationError, Settings

PASSWORD = "a-very-secret-word"


def settings(**values: str) -> Settings:
    given = {"kafka_bootstrap": "k1:9092, k2:9093"} | values
    return load({f"FEEDBACK_{name.upper()}": value for name, value in given.items()})


def test_plaintext_needs_only_the_addresses() -> None:
    assert client_options(settings()) == {
        "bootstrap_servers": ["k1:9092", "k2:9093"],
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("security", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_adds_user_name_and_password(security: str, mechanism: str) -> None:
    options = client_options(
        settings(
            kafka_security=security,
            kafka_sasl_mechanism=mechanism,
            kafka_sasl_username="me",
            kafka_sasl_password=PASSWORD,
        )
    )
    assert options["sasl_mechanism"] == mechanism
    assert options["sasl_plain_username"] == "me"
    assert options["sasl_plain_password"] == PASSWORD
    assert ("ssl_context" in options) == (security == "SASL_SSL")


def test_tls_checks_certificates_and_names() -> None:
    context = client_options(settings(kafka_security="SSL"))["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_ca_file_is_one_clear_line(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match="FEEDBACK_KAFKA_CA_FILE") as caught:
        ssl_context(settings(kafka_security="SSL", kafka_ca_file=str(file)))
    assert "\n" not in str(caught.value)


def test_a_missing_address_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ConfigurationError, match="FEEDBACK_KAFKA_BOOTSTRAP"):
        client_options(load({}))


async def test_a_broker_that_does_not_answer_is_a_transient_error_with_its_reason() -> None:
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1.*[Cc]onnect") as caught:
        async with admin_client(settings(kafka_bootstrap="127.0.0.1:1")):
            raise AssertionError("nothing listens there")
    assert caught.value.dependency == "kafka"

"""The app's own clients on a listener with SASL and TLS."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from feedback_app.broker import LocalKafka, Security
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import admin_client
from feedback_app.load_settings import load

USERS = {"alice": "alice-secret", "bob": "bob-secret"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def with_tls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalKafka]:
    security = Security("SASL_SSL", USERS)
    async with LocalKafka(tmp_path_factory.mktemp("tls"), security=security) as kafka:
        yield kafka


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def without_tls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalKafka]:
    security = Security("SASL_PLAINTEXT", USERS)
    async with LocalKafka(tmp_path_factory.mktemp("sasl"), security=security) as kafka:
        yield kafka


async def topics(
    kafka: LocalKafka, protocol: str, mechanism: str, password: str, ca: Path | None = None
) -> list[str]:
    environ = {
        "FEEDBACK_KAFKA_BOOTSTRAP": kafka.secure_bootstrap,
        "FEEDBACK_KAFKA_SECURITY": protocol,
        "FEEDBACK_KAFKA_SASL_MECHANISM": mechanism,
        "FEEDBACK_KAFKA_SASL_USERNAME": "alice",
        "FEEDBACK_KAFKA_SASL_PASSWORD": password,
    }
    if ca is not None:
        environ["FEEDBACK_KAFKA_CA_FILE"] = str(ca)
    async with admin_client(load(environ)) as admin:
        found: list[str] = await admin.list_topics()
        return found


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_the_right_password_is_accepted(
    mechanism: str, with_tls: LocalKafka, without_tls: LocalKafka
) -> None:
    password = USERS["alice"]
    assert await topics(without_tls, "SASL_PLAINTEXT", mechanism, password) == []
    assert await topics(with_tls, "SASL_SSL", mechanism, password, with_tls.ca_file) == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_rejected_and_not_shown(
    mechanism: str, without_tls: LocalKafka
) -> None:
    with pytest.raises(TransientError, match=r"(?i)authentication") as caught:
        await topics(without_tls, "SASL_PLAINTEXT", mechanism, "bob-secret")
    assert "bob-secret" not in str(caught.value)


async def test_an_untrusted_certificate_is_rejected(with_tls: LocalKafka) -> None:
    with pytest.raises(TransientError, match=r"(?i)certificate"):
        await topics(with_tls, "SASL_SSL", "PLAIN", USERS["alice"])


def test_passwords_that_need_quoting_are_rejected() -> None:
    with pytest.raises(ValueError, match="character other than"):
        Security("SASL_PLAINTEXT", {"alice": 'a" b'})

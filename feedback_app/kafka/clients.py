"""Connections to Kafka: the one place that turns the settings into client options."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from feedback_app.hop.errors import TransientError
from feedback_app.hop.leaving import stop_consumer
from feedback_app.settings import ConfigurationError, Settings

DEPENDENCY = "kafka"
CONNECT_TIMEOUT_S = 20.0


def without_credentials(record: logging.LogRecord) -> bool:
    """Whether a log record of the library's connections has no credentials in it.

    At DEBUG it logs every request and response whole, and PLAIN sends the password in one.
    """
    args = record.args if isinstance(record.args, tuple) else ()
    return not any(type(arg).__name__.startswith("Sasl") for arg in args)


logging.getLogger("aiokafka.conn").addFilter(without_credentials)


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that aiokafka's producer, consumer and admin client share.

    Raises ConfigurationError if no bootstrap address is set or the CA file cannot be read.
    """
    if not settings.kafka_bootstrap:
        raise ConfigurationError(
            "no Kafka address: set FEEDBACK_KAFKA_BOOTSTRAP=host:port, or start a local broker "
            "with `feedback broker`"
        )
    options: dict[str, Any] = {
        "bootstrap_servers": [host.strip() for host in settings.kafka_bootstrap.split(",")],
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security.endswith("SSL"):
        options["ssl_context"] = ssl_context(settings)
    if settings.kafka_security.startswith("SASL") and settings.kafka_sasl_password is not None:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    return options


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """Return the TLS context of the settings; raises ConfigurationError for a bad CA file."""
    path = settings.kafka_ca_file
    try:
        return ssl.create_default_context(cafile=None if path is None else str(path))
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"FEEDBACK_KAFKA_CA_FILE: cannot use {path}: {reason}") from None


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client; raises TransientError if Kafka cannot be reached."""
    client = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=15_000)
    await _start(client, settings)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """Connect an idempotent producer; raises TransientError if Kafka cannot be reached."""
    client = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=True,
        max_batch_size=256 * 1024,
        request_timeout_ms=15_000,
    )
    await _start(client, settings)
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def reader(settings: Settings, wait_ms: int = 100) -> AsyncIterator[AIOKafkaConsumer]:
    """Connect a consumer without a group; raises TransientError if Kafka cannot be reached.

    The broker answers an empty fetch after `wait_ms`.
    """
    client = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        request_timeout_ms=15_000,
        fetch_max_wait_ms=wait_ms,
    )
    await _start(client, settings)
    try:
        yield client
    finally:
        await stop_consumer(client)


class _Client(Protocol):
    async def start(self) -> None: ...


async def _start(client: _Client, settings: Settings) -> None:
    """Start a client; the reason of a failure is in the library's log, not in its exception."""
    reasons = _Reasons()
    log = logging.getLogger("aiokafka")
    log.addHandler(reasons)
    close = getattr(client, "stop", None) or client.close  # type: ignore[attr-defined]
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.start()
    except (KafkaError, OSError, TimeoutError) as error:
        await close()
        why = reasons.last or str(error) or "no answer"
        raise TransientError(
            DEPENDENCY, f"cannot reach Kafka at {settings.kafka_bootstrap}: {why}"
        ) from error
    except asyncio.CancelledError:
        await close()
        raise
    finally:
        log.removeHandler(reasons)


class _Reasons(logging.Handler):
    """Keeps the last reason that the library logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and record.args:
            self.last = str(record.args[-1])

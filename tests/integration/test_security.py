"""Workers on a Kafka that asks for passwords over TLS: who gets in, and what they give away."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiohttp import ClientError
from aiokafka import AIOKafkaConsumer, TopicPartition

from chaos.fleet import NEGATIVE, PARTITIONS, POSITIVE, Fleet
from chaos.processes import FEEDBACK, WorkerProcess
from chaos.waiting import until
from feedback_app.broker import LocalKafka, Security
from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.sandbox import SLACK_APP_TOKEN, SLACK_BOT_TOKEN
from feedback_app.web.security import HEADERS
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(360)

USER, PASSWORD = "worker", "kafka-password-5d1c7e"
WRONG_PASSWORD = "kafka-password-wrong-93b0aa"
X_TOKEN = "AAAAAAAA-x-bearer-token-71f2c4"
WEB_TOKEN = "page-token-c0ffee-8842"
WRONG_WEB_TOKEN = "page-token-wrong-1f1f1f"
SECRETS = (
    PASSWORD,
    WRONG_PASSWORD,
    X_TOKEN,
    WEB_TOKEN,
    WRONG_WEB_TOKEN,
    SLACK_BOT_TOKEN,
    SLACK_APP_TOKEN,
)
DEBUG = (*FEEDBACK[:-1], "debug")
PATHS = ("/", "/stats", "/metrics", "/api/recent", "/events", "/readyz", "/healthz", "/none")
HOSTILE = "<!channel> <@U0SANDBOX> <script>alert(1)</script> <https://evil.example|kettle>"
ALERTS = 6
"""Hostile alerts to wait for; a third of what is written becomes one."""


@pytest_asyncio.fixture
async def secured(tmp_path: Path) -> AsyncIterator[LocalKafka]:
    """A node whose second listener asks for a password, over TLS."""
    security = Security("SASL_SSL", {USER: PASSWORD})
    async with LocalKafka(tmp_path / "kafka", security=security) as kafka:
        yield kafka


@pytest_asyncio.fixture
async def fleet(secured: LocalKafka, new_fleet: NewFleet) -> Fleet:
    """A fleet whose workers log all they can; each test's own tokens are recognisable."""
    made = await new_fleet(
        secured.bootstrap,
        program=DEBUG,
        settings={
            "FEEDBACK_KAFKA_BOOTSTRAP": secured.secure_bootstrap,
            "FEEDBACK_KAFKA_SECURITY": "SASL_SSL",
            "FEEDBACK_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "FEEDBACK_KAFKA_SASL_USERNAME": USER,
            "FEEDBACK_KAFKA_SASL_PASSWORD": PASSWORD,
            "FEEDBACK_KAFKA_CA_FILE": str(secured.ca_file),
            "FEEDBACK_X_BEARER_TOKEN": X_TOKEN,
            "FEEDBACK_WEB_TOKEN": WEB_TOKEN,
            "FEEDBACK_OPS_CHANNEL": "#ops",
        },
    )
    made.sandbox.x.gate.token = X_TOKEN
    made.sandbox.slack.create("#ops")
    return made


def forms(secret: str) -> set[bytes]:
    """Return what a secret looks like in clear, in an address and in base64 at any offset."""
    found = {secret.encode(), quote(secret, safe="").encode()}
    for pad in range(3):
        encoded = base64.b64encode(b"\0" * pad + secret.encode())
        # The first and last characters depend on what stands beside it.
        found.add(encoded[4 if pad else 0 : -4])
    return found


def given_away(text: bytes) -> list[str]:
    """Return the secrets that stand in a text."""
    return [secret for secret in SECRETS if any(form in text for form in forms(secret))]


async def answer(fleet: Fleet, worker: WorkerProcess, path: str, **more: Any) -> bytes:
    """Return what a page shows, its headers included; of an endless answer the beginning."""
    async with fleet.session.request(more.pop("method", "GET"), worker.url + path, **more) as said:
        for name, value in HEADERS.items():
            assert said.headers[name] == value, path
        body = b""
        try:
            async with asyncio.timeout(0.5 if path == "/events" else 10):
                async for chunk in said.content.iter_any():
                    body += chunk
        except (TimeoutError, ClientError):
            assert path == "/events"
        return repr(said.headers).encode() + body


def standing(fleet: Fleet) -> list[str]:
    """Return everything that the app says in its alert channels, text and blocks."""
    return [
        f"{message.text} {message.blocks}"
        for channel in (NEGATIVE, POSITIVE)
        for message in fleet.sandbox.slack.channel(channel).messages
    ]


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


BEARER = bearer(WEB_TOKEN)


async def stats_of(fleet: Fleet, worker: WorkerProcess) -> dict[str, Any]:
    """Return the figures of the cluster."""
    async with fleet.session.get(f"{worker.url}/stats", headers=BEARER) as said:
        found: dict[str, Any] = await said.json()
        return found


def owned(stats: dict[str, Any]) -> list[int]:
    """Return the partitions of `raw` that a live worker holds."""
    return [
        number
        for worker in stats["workers"]
        for topic, numbers in worker["partitions"].items()
        if topic.endswith(".raw")
        for number in numbers
    ]


async def unauthorised(fleet: Fleet, worker: WorkerProcess, source: str) -> bool:
    """Whether the page says that a source's token does not work."""
    return bool((await stats_of(fleet, worker))["sources"][source]["state"] == "unauthorised")


async def everything_in_kafka(fleet: Fleet, kafka: LocalKafka) -> bytes:
    """Return every key and value of every topic of the fleet."""
    tps = [
        TopicPartition(topic.name, number)
        for topic in Topics.of(load(fleet.environment)).all()
        for number in range(topic.partitions)
    ]
    found = b""
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as consumer:
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += b"".join((one.key or b"") + (one.value or b"") for one in records)
    return found


async def test_secrets_stay_secret_and_text_from_outside_stays_text(
    fleet: Fleet, secured: LocalKafka
) -> None:
    scram = fleet.start_worker()
    plain = fleet.start_worker(FEEDBACK_KAFKA_SASL_MECHANISM="PLAIN")
    locked_out = fleet.start_worker(FEEDBACK_KAFKA_SASL_PASSWORD=WRONG_PASSWORD)
    await asyncio.gather(*(worker.ready(fleet.session) for worker in (scram, plain)))

    # The two that know the password share the work, over TLS.
    for number in range(4 * ALERTS):
        fleet.sandbox.x.post(f"{number} kettle {HOSTILE}")
        fleet.sandbox.slack.say("#feedback", f"{number} kettle {HOSTILE}", raw=True)
    await until(lambda: len(standing(fleet)) >= ALERTS, 60, lambda: f"alerts:\n{scram.tail()}")

    async def shared() -> bool:
        return sorted(owned(await stats_of(fleet, scram))) == list(range(PARTITIONS))

    await until(shared, 30, "each partition has one owner")
    for message in standing(fleet):
        assert not re.search(r"<[!@#]|<script|<https://evil", message), message
        assert "&lt;!channel&gt;" in message

    # Everything outside fails, and each failure is told of.
    shown = [await answer(fleet, scram, path) for path in PATHS]
    shown += [await answer(fleet, scram, path, headers=BEARER) for path in PATHS]
    wrong = {"data": {"token": WRONG_WEB_TOKEN}, "method": "POST"}
    shown.append(await answer(fleet, scram, "/login", **wrong))
    shown.append(await answer(fleet, scram, "/stats", headers=bearer(WRONG_WEB_TOKEN)))
    fleet.sandbox.faults.set(["5xx", "odd", "429", "disconnect"], share=0.5, most=5)
    fleet.sandbox.x.post("one more kettle")
    await until(lambda: sum(fleet.sandbox.faults.happened.values()) > 3, 30, "faults")
    fleet.sandbox.faults.set([])
    fleet.sandbox.x.revoke_token()
    fleet.sandbox.slack.revoke_tokens()
    fleet.slack_link.cut()
    await until(lambda: unauthorised(fleet, plain, "x"), 30, "X says that the token is bad")
    await until(lambda: unauthorised(fleet, plain, "slack"), 30, "Slack says so too")
    await until(lambda: "uthentication" in locked_out.log.read_text(), 30, locked_out.tail)
    shown += [await answer(fleet, plain, path, headers=BEARER) for path in PATHS]
    assert b"script" in b"".join(shown), "the page has the text, as JSON"

    for worker in (scram, plain):
        worker.terminate()
    assert [await worker.ended(20) for worker in (scram, plain)] == [0, 0]
    locked_out.kill()
    logs = [worker.log.read_bytes() for worker in fleet.workers]
    assert all(b"DEBUG" in log for log in logs), "they did not log all they can"
    for text in (*shown, *logs, await everything_in_kafka(fleet, secured)):
        assert given_away(text) == []
    slack = "".join(
        f"{message.text}{message.blocks}{message.metadata}"
        for channel in fleet.sandbox.slack.channels.values()
        for message in channel.messages
    )
    assert given_away(slack.encode()) == []


def test_the_search_for_secrets_finds_them() -> None:
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode())
    for text in (f"x {X_TOKEN} y".encode(), b"Basic " + basic, b"?t=" + forms(WEB_TOKEN).pop()):
        assert given_away(text), text
    assert given_away(b"nothing here") == []

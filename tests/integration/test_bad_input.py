"""Records in `raw` that are wrong: a dead letter with the reason or a default; the rest goes on."""

import base64
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chaos.fleet import Fleet
from chaos.poison import POISON
from chaos.waiting import until
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(360)

FUTURE = "2999-01-01T00:00:00.000Z"


GOOD = {
    "long": {"text": "x" * 100_000},
    "future": {"text": "from the future", "created_at": FUTURE},
    "bare": {"text": "only a text"},
    "more": {"text": "with more", "nobody": {"knows": ["this"]}},
}


async def send(fleet: Fleet, records: dict[str, bytes | None]) -> None:
    """Write records into the same partition of `raw`, in their order."""
    producer = AIOKafkaProducer(bootstrap_servers=fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"])
    await producer.start()
    try:
        for key, value in records.items():
            await producer.send_and_wait(f"{fleet.prefix}raw", value, key.encode(), partition=1)
    finally:
        await producer.stop()


async def read(fleet: Fleet, topic: str) -> list[dict[str, Any]]:
    """Return every record of a topic of the fleet."""
    consumer = AIOKafkaConsumer(
        f"{fleet.prefix}{topic}",
        bootstrap_servers=fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"],
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[dict[str, Any]] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [orjson.loads(record.value) for record in records]
        return found
    finally:
        await consumer.stop()


@pytest_asyncio.fixture
async def fed(new_fleet: NewFleet) -> Fleet:
    """A worker that was given everything, the bad between the good."""
    fleet = await new_fleet()
    await fleet.start_workers(1)
    good = {key: orjson.dumps(value) for key, value in GOOD.items()}
    bad = {key: poison.value for key, poison in POISON.items()}
    await send(fleet, {**bad, **good, "not-json-again": b"{no", "last": b'{"text": "the last"}'})
    await until(
        lambda: len(fleet.observer.topics.scored) == len(GOOD) + 1,
        60,
        fleet.workers[0].tail,
    )
    await until(
        lambda: len(fleet.observer.topics.dead) == len(POISON) + 1, 60, fleet.workers[0].tail
    )
    return fleet


async def test_bad_records_are_dead_letters_with_their_reason_and_bytes_and_good_ones_go_on(
    fed: Fleet,
) -> None:
    letters = fed.observer.topics.dead
    by_key = {base64.b64decode(letter["key"]).decode(): letter for letter in letters}
    for key, poison in POISON.items():
        letter = by_key[key]
        assert poison.reason in letter["reason"]
        assert letter["stage"] == "sentiment"
        assert letter["topic"] == f"{fed.prefix}raw"
        assert letter["attempts"] == 1
        kept = None if letter["value"] is None else base64.b64decode(letter["value"])
        assert kept == poison.value

    scored = {one["feedback"]["id"]: one for one in await read(fed, "scored")}
    assert scored.keys() == {f"webhook:webhook:{key}" for key in (*GOOD, "last")}
    long = scored["webhook:webhook:long"]["feedback"]
    assert long["truncated"]
    assert len(long["text"].encode()) == 64_000
    future = scored["webhook:webhook:future"]
    assert future["feedback"]["created_at"] is None
    made = datetime.fromisoformat(future["scored_at"]).astimezone(UTC).timestamp()
    assert abs(made - time.time()) < 60

    async def counted() -> bool:
        stats = await fed.stats()
        sources = stats["sources"]
        return (
            bool(stats["balanced"])
            and sources.get("unknown", {}).get("dead_lettered") == len(POISON) + 1
            and sources.get("webhook", {}).get("scored") == len(GOOD) + 1
        )

    await until(counted, 60, "the accounts tell of every record")
    assert await fed.workers[0].answers(fed.session, "/healthz") == 200

"""Batches in `raw` that another producer, or the topic itself, has compressed: all are scored."""

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from chaos.fleet import Fleet
from chaos.waiting import until
from tests.integration.conftest import NewFleet

CODECS = ("gzip", "snappy", "lz4", "zstd")


async def write(fleet: Fleet, codec: str | None, name: str) -> None:
    """Write three records into partition 0 of `raw` as one batch."""
    producer = AIOKafkaProducer(
        bootstrap_servers=fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"],
        compression_type=codec,
        linger_ms=50,
    )
    await producer.start()
    try:
        for number in range(3):
            value = orjson.dumps({"id": f"{name}-{number}", "text": f"{name} number {number}"})
            await producer.send(f"{fleet.prefix}raw", value, b"k", partition=0)
    finally:
        await producer.stop()


async def compress(fleet: Fleet, topic: str, codec: str) -> None:
    """Have the broker store what comes to a topic with this codec."""
    admin = AIOKafkaAdminClient(bootstrap_servers=fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"])
    await admin.start()
    try:
        configs = {"compression.type": codec}
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, f"{fleet.prefix}{topic}", configs=configs)]
        )
    finally:
        await admin.close()


@pytest.mark.timeout(240)
async def test_batches_of_every_codec_are_scored(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    await fleet.start_workers(1)
    expected = set()
    for codec in CODECS:
        await write(fleet, codec, codec)
        expected |= {f"{codec}-{number}" for number in range(3)}
    # The topics that a worker reads back and shares are as compressed as the administrator likes.
    for topic in ("raw", "scored", "stats", "cursors"):
        await compress(fleet, topic, "zstd")
    await write(fleet, None, "stored")
    expected |= {f"stored-{number}" for number in range(3)}

    def scored() -> set[str]:
        return {one.id for one in fleet.observer.topics.scored}

    await until(lambda: scored() == expected, 60, fleet.workers[0].tail)
    assert await fleet.workers[0].answers(fleet.session, "/healthz") == 200

    async def counted() -> bool:
        source = (await fleet.stats())["sources"].get("webhook", {})
        return bool(source.get("scored") == len(expected))

    await until(counted, 60, fleet.workers[0].tail)

"""Apache Kafka nodes that are killed, paused and restarted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from feedback_app.broker import BrokerUnavailable, LocalKafka
from feedback_app.broker.locks import FileLock
from tests.integration.conftest import KafkaCluster


@asynccontextmanager
async def admin_client(kafka: LocalKafka) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create(kafka: LocalKafka, topic: str, replicas: int = 1) -> None:
    async with admin_client(kafka) as admin:
        await admin.create_topics([NewTopic(topic, 1, replicas)])


async def write(kafka: LocalKafka, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def read(kafka: LocalKafka, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        found: list[bytes] = []
        while await consumer.position(partition) < end:
            batch = await consumer.getmany(timeout_ms=500)
            found += [record.value for records in batch.values() for record in records]
        return found
    finally:
        await consumer.stop()


async def leader(kafka: LocalKafka, topic: str) -> int:
    async with admin_client(kafka) as admin:
        (described,) = await admin.describe_topics([topic])
        found: int = described["partitions"][0]["leader"]
        return found


async def test_shared_broker_stores_records(kafka: LocalKafka, unique_prefix: str) -> None:
    topic = f"{unique_prefix}a"
    await create(kafka, topic)
    await write(kafka, topic, b"one", b"two")
    assert await read(kafka, topic) == [b"one", b"two"]


async def test_records_survive_a_crash_of_the_node(kafka_cluster: KafkaCluster) -> None:
    kafka = await kafka_cluster(nodes=1)
    await create(kafka, "kept")
    await write(kafka, "kept", b"before")
    kafka.nodes[0].kill()
    assert kafka.nodes[0].pid is None
    await kafka.nodes[0].restart()
    await write(kafka, "kept", b"after")
    assert await read(kafka, "kept") == [b"before", b"after"]


async def test_records_and_address_survive_a_restart_of_the_cluster(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    first = await kafka_cluster(nodes=1, data=tmp_path / "kept")
    await create(first, "kept")
    await write(first, "kept", b"record")
    await first.stop()
    second = await kafka_cluster(nodes=1, data=tmp_path / "kept")
    assert await read(second, "kept") == [b"record"]
    assert second.bootstrap == first.bootstrap


async def test_a_concurrent_lock_probe_does_not_prevent_a_start(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_exclusive, probes = FileLock.try_exclusive, iter([True])
    # `is_held` holds the lock briefly, possibly during the first attempt.
    monkeypatch.setattr(
        FileLock, "try_exclusive", lambda lock: not next(probes, False) and try_exclusive(lock)
    )
    assert (await kafka_cluster(nodes=1)).bootstrap


async def test_a_partition_moves_when_its_leader_is_killed(kafka_cluster: KafkaCluster) -> None:
    kafka = await kafka_cluster(nodes=3)
    await create(kafka, "moves", replicas=3)
    await write(kafka, "moves", b"before")
    killed = await leader(kafka, "moves")
    kafka.nodes[killed - 1].kill()
    async with asyncio.timeout(60):
        await write(kafka, "moves", b"after")
        while await leader(kafka, "moves") == killed:  # metadata may lag
            await asyncio.sleep(0.05)
    assert await read(kafka, "moves") == [b"before", b"after"]


async def test_a_paused_node_answers_after_it_is_resumed(
    kafka_cluster: KafkaCluster,
) -> None:
    kafka = await kafka_cluster(nodes=1)
    await create(kafka, "held")
    kafka.nodes[0].pause()
    writing = asyncio.create_task(write(kafka, "held", b"record"))
    done, _ = await asyncio.wait([writing], timeout=1)
    assert not done
    kafka.nodes[0].resume()
    async with asyncio.timeout(60):
        await writing
    assert await read(kafka, "held") == [b"record"]


async def test_a_data_directory_has_one_broker_and_keeps_its_size(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    running = await kafka_cluster(nodes=1, data=tmp_path / "one")
    with pytest.raises(BrokerUnavailable, match=r"runs on .* already"):
        await LocalKafka(tmp_path / "one").start()
    assert running.nodes[0].pid is not None
    await running.stop()
    with pytest.raises(BrokerUnavailable, match="holds a cluster of 1 node"):
        await LocalKafka(tmp_path / "one", nodes=3).start()

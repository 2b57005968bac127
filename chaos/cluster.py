"""Faults of Kafka itself, and requests to it that outlast them."""

import asyncio
import resource
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from chaos.poison import KEY, POISON
from chaos.waiting import until
from feedback_app.broker import Node

WITHIN_S = 120.0
"""How long a request may fail while faults go on."""


def fill_disk(node: Node) -> None:
    """Make every write of a node fail, as on a full disk, until it is restarted.

    Limits the size of its files, which needs no privilege and fills no disk. The kernel returns
    EFBIG where a full disk returns ENOSPC; Kafka treats both as a failure of its log.
    """
    assert node.pid is not None
    _, most = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (0, most))


async def leader(bootstrap: str, topic: str, partition: int) -> int:
    """Return the id of the leader of a partition, once there is one."""
    found: list[int] = []

    async def elected() -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await admin.start()
            (described,) = await admin.describe_topics([topic])
        except KafkaError:
            return False
        finally:
            await admin.close()
        found[:] = [
            each["leader"]
            for each in described["partitions"]
            if each["partition"] == partition and each["leader"] >= 0
        ]
        return bool(found)

    await until(elected, WITHIN_S, f"{topic}-{partition} has a leader")
    return found[0]


async def serves(bootstrap: str, group: str, parts: Sequence[TopicPartition]) -> None:
    """Wait until a restarted Kafka serves these partitions and the offsets of this group.

    A broker accepts connections before it has loaded its logs and groups.
    """

    async def answers() -> bool:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                await consumer.start()
                await consumer.end_offsets(parts)
                await consumer.committed(parts[0])
        except (KafkaError, TimeoutError):
            return False
        finally:
            await consumer.stop()
        return True

    await until(answers, WITHIN_S, "Kafka serves again")


async def send_poison(bootstrap: str, topic: str, number: int) -> None:
    """Write a record of each kind of poison to a topic, spread over its partitions by key.

    Retries while Kafka is unavailable, so a record may be written twice.
    """
    left = {KEY + f"{number}-{name}".encode(): one.value for name, one in POISON.items()}

    async def written() -> bool:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        try:
            await producer.start()
            for key in list(left):
                await producer.send_and_wait(topic, left[key], key)
                del left[key]
        except KafkaError:
            pass
        finally:
            await producer.stop()
        return not left

    await until(written, WITHIN_S, f"poison in {topic}")

"""What a test does to Kafka itself, and what it asks: who leads, whether it serves, and that a bad
record be taken."""

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
"""How long a cluster may have no leader, or take no record, while faults go on."""


def fill_disk(node: Node) -> None:
    """Let every write of a node fail that needs room, as on a full disk, until it starts again.

    A limit on the size of files: it asks for no right and fills nobody else's disk. The kernel says
    EFBIG where a disk would say ENOSPC, and Kafka deals with both as with any failure of its log.
    """
    assert node.pid is not None
    _, most = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (0, most))


async def leader(bootstrap: str, topic: str, partition: int) -> int:
    """Return the id of the node that leads a partition; waits where none does."""
    found: list[int] = []

    async def known() -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await admin.start()
            (told,) = await admin.describe_topics([topic])
        except KafkaError:
            return False
        finally:
            await admin.close()
        found[:] = [
            each["leader"]
            for each in told["partitions"]
            if each["partition"] == partition and each["leader"] >= 0
        ]
        return bool(found)

    await until(known, WITHIN_S, f"{topic}-{partition} has a leader")
    return found[0]


async def serves(bootstrap: str, group: str, parts: Sequence[TopicPartition]) -> None:
    """Wait until Kafka, started again, serves these partitions and the offsets of this group.

    It says that it runs before it has read its logs and its groups; until then it answers nobody.
    """

    async def served() -> bool:
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

    await until(served, WITHIN_S, "Kafka serves again")


async def send_poison(bootstrap: str, topic: str, number: int) -> None:
    """Write each kind of poison into a topic, spread over its partitions by key.

    Sent again where Kafka is away, so that a record may stand there twice.
    """
    left = {KEY + f"{number}-{name}".encode(): one.value for name, one in POISON.items()}

    async def taken() -> bool:
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

    await until(taken, WITHIN_S, f"poison in {topic}")

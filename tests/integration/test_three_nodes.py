"""Three nodes of Kafka: one that leads is killed, one has a full disk, and the stream goes on."""

import asyncio
from collections.abc import Callable

import pytest

from chaos.cluster import fill_disk, leader
from chaos.load import People, acts
from chaos.recovery import longest, stalls
from chaos.waiting import until
from feedback_app.broker import Node
from tests.integration.conftest import KafkaCluster, NewFleet

pytestmark = pytest.mark.timeout(600)

RATE = 30.0
SCORED_WITHIN_S = 90.0
ENOUGH = 60


async def test_a_killed_leader_and_a_full_disk_lose_and_double_nothing(
    kafka_cluster: KafkaCluster, new_fleet: NewFleet
) -> None:
    cluster = await kafka_cluster(nodes=3)
    fleet = await new_fleet(cluster.bootstrap)
    await fleet.start_workers(2)
    raw, topics = f"{fleet.prefix}raw", fleet.observer.topics

    async def write() -> None:
        people = People(fleet.sandbox)
        for act in acts(100_000, seed=3):
            people.do(act)
            await asyncio.sleep(1 / RATE)

    async def more(why: str) -> None:
        before = len(topics.scored)
        await until(lambda: len(topics.scored) > before + ENOUGH, SCORED_WITHIN_S, why)

    async def moved(why: str, node: Node, hurt: Callable[[], None]) -> None:
        """Hurt the node that leads a partition: another leads it then, and all of it goes on."""
        assert await leader(cluster.bootstrap, raw, 0) == node.id
        hurt()
        await until(lambda: node.pid is None, 30, f"{why}: the node has ended")

        async def elsewhere() -> bool:
            return await leader(others(node), raw, 0) != node.id

        await until(elsewhere, 60, f"{why}: another node leads")
        await more(why)
        await node.restart()
        await more(f"{why}, and mended")

    def others(node: Node) -> str:
        return ",".join(each.address for each in cluster.nodes if each is not node)

    async def leading() -> Node:
        number = await leader(cluster.bootstrap, raw, 0)
        return next(node for node in cluster.nodes if node.id == number)

    writing = asyncio.create_task(write())
    await more("it works before")
    first = await leading()
    await moved("the leader killed", first, first.kill)
    second = await leading()
    await moved("a disk full", second, lambda: fill_disk(second))
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    found = await fleet.settled(90)
    assert not found.problems
    assert (found.lost, found.doubled_seen, found.doubled_left) == (0, 0, 0)
    assert longest(stalls(topics)) < 30

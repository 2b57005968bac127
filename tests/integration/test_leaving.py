"""A worker that is asked to end leaves its group at once, even out of the middle of a rebalance."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

from chaos.fleet import SESSION_S, Fleet
from chaos.group import GroupWatch
from chaos.host_stalls import HostStalls
from chaos.processes import WorkerProcess
from chaos.waiting import until
from tests.integration.conftest import KafkaCluster, NewFleet

pytestmark = pytest.mark.timeout(360)

BAR_S = 3.0
"""What a worker that ends may cost its partitions; far below the session timeout."""


class Holding(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member that keeps its heart beating and does not come to a rebalance until it may."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        if revoked:
            self.asked.set()
            await self.go.wait()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Take what it is given."""


@asynccontextmanager
async def member(fleet: Fleet, holding: Holding | None = None) -> AsyncIterator[None]:
    """Become one more member of the workers' group, on a topic of no stage."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"],
        group_id=fleet.environment["FEEDBACK_APP_ID"],
        enable_auto_commit=False,
        heartbeat_interval_ms=300,
    )
    consumer.subscribe([f"{fleet.prefix}cursors"], listener=holding)
    starting = asyncio.create_task(consumer.start())  # ends only with the join
    try:
        yield
    finally:
        if holding is not None:
            holding.go.set()
        await starting
        await consumer.stop()


async def leaves(fleet: Fleet, worker: WorkerProcess, watch: GroupWatch, others: int) -> None:
    """Ask a worker to end while it waits for its place; it must be gone from the group at once."""
    with HostStalls() as host:
        worker.terminate()
        began = time.monotonic()
        took = await until(lambda: watch.members == others, SESSION_S + 25, "it has left", 0.02)
        took -= host.within(began, began + took)
    assert took < BAR_S, worker.tail(60)
    assert await worker.ended(25) == 0, worker.tail(60)


async def test_a_worker_that_ends_during_its_first_join_leaves(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    group, holding = fleet.environment["FEEDBACK_APP_ID"], Holding()
    address = fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"]
    async with GroupWatch(address, group) as watch, member(fleet, holding):
        await until(lambda: watch.members == 1, 20, "the other is a member")
        worker = fleet.start_worker()
        await asyncio.wait_for(holding.asked.wait(), 60)
        await until(lambda: watch.members == 2, 20, "the worker wants to join")
        await leaves(fleet, worker, watch, others=1)


async def test_a_worker_that_ends_while_it_joins_again_leaves(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    group, holding = fleet.environment["FEEDBACK_APP_ID"], Holding()
    address = fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"]
    (worker,) = await fleet.start_workers(1)
    async with GroupWatch(address, group) as watch, member(fleet, holding):
        await until(lambda: watch.members == 2 and watch.state == "Stable", 60, "two members")

        def joins() -> int:
            return worker.log.read_text().count("(Re-)joining group")

        before = joins()
        async with member(fleet):
            await asyncio.wait_for(holding.asked.wait(), 60)
            await until(lambda: joins() > before, 20, "the worker joins again")
            await leaves(fleet, worker, watch, others=2)
            holding.go.set()


async def test_a_worker_that_ends_while_x_and_slack_are_silent_leaves(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    group = fleet.environment["FEEDBACK_APP_ID"]
    address = fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"]
    worker, _ = await fleet.start_workers(2)
    async with GroupWatch(address, group) as watch:
        await until(lambda: watch.members == 2 and watch.state == "Stable", 60, "two members")
        fleet.x_link.hang()
        for number in range(300):
            fleet.sandbox.slack.say("#feedback", f"item {number} version 1 before the silence")
        posted = fleet.observer.topics.deliveries
        await until(lambda: len(posted) > 10, 60, "posts go out", 0.02)
        fleet.slack_link.hang()
        await leaves(fleet, worker, watch, others=1)


async def test_a_worker_that_ends_while_kafka_is_away_ends_and_loses_nothing(
    new_fleet: NewFleet, kafka_cluster: KafkaCluster
) -> None:
    cluster = await kafka_cluster(1)
    fleet = await new_fleet(cluster.bootstrap)
    (worker,) = await fleet.start_workers(1)
    scored = fleet.observer.topics.scored
    fleet.sandbox.slack.say("#feedback", "item 0 version 1 before everything")
    await until(lambda: len(scored) == 1, 90, "it listens")
    for number in range(1, 300):
        fleet.sandbox.slack.say("#feedback", f"item {number} version 1 before the outage")
    await until(lambda: len(scored) > 10, 30, "it works before", 0.02)
    cluster.nodes[0].kill()
    worker.terminate()
    assert await worker.ended(25) == 1, worker.tail(60)
    assert "Exiting by force" in worker.log.read_text()
    await cluster.nodes[0].restart()
    await fleet.start_workers(1)
    found = await fleet.settled(120)
    assert not found.problems
    assert (found.lost, found.doubled_left) == (0, 0)

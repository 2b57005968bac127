"""Slack, X and Kafka away for a while: workers say so, stay healthy, and deliver it all after."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from chaos.fleet import Fleet
from chaos.group import GroupWatch
from chaos.load import People, acts
from chaos.processes import WorkerProcess
from chaos.waiting import until
from tests.integration.conftest import KafkaCluster, NewFleet

pytestmark = pytest.mark.timeout(480)

AWAY_S = 7.0
"""Longer than a session, a poll and an acknowledgement's time."""


@asynccontextmanager
async def background(fleet: Fleet, rate: float) -> AsyncIterator[list[str]]:
    """Let people write and probe every worker; the list has what no probe may answer."""
    wrong: list[str] = []

    async def write() -> None:
        people = People(fleet.sandbox)
        for act in acts(100_000, seed=2):
            people.do(act)
            await asyncio.sleep(1 / rate)

    async def probe() -> None:
        while True:
            for worker in fleet.living:
                # A worker that has only just been started listens to nobody yet.
                if worker in ready and (said := await worker.answers(fleet.session, "/healthz")):
                    wrong.extend([f"{worker}: {said}"] if said != 200 else [])
                    silent.discard(worker)
                elif worker in ready:
                    # One of five seconds is the machine's, two in a row are the worker's.
                    wrong.extend([f"{worker}: no answer"] if worker in silent else [])
                    silent.add(worker)
            await asyncio.sleep(0.5)

    ready, silent = list(fleet.living), set[WorkerProcess]()
    tasks = [asyncio.create_task(write()), asyncio.create_task(probe())]
    try:
        yield wrong
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError) and ended is not None:
                raise ended


async def waits_for(fleet: Fleet, dependency: str) -> bool:
    """Whether a worker says that something outside is wrong."""
    for worker in fleet.living:
        async with fleet.session.get(f"{worker.url}/readyz") as answer:
            if any(dependency in reason for reason in (await answer.json())["reasons"]):
                return True
    return False


def seen(fleet: Fleet) -> Callable[[], int]:
    """Return a counter of the items in `scored`."""
    return lambda: len(fleet.observer.topics.scored)


async def test_slack_x_and_kafka_away_for_a_while_cost_nothing(
    kafka_cluster: KafkaCluster, new_fleet: NewFleet
) -> None:
    kafka = await kafka_cluster(1)
    fleet = await new_fleet(kafka.bootstrap)
    await fleet.start_workers(2)
    group = fleet.environment["FEEDBACK_APP_ID"]
    scored = seen(fleet)
    async with background(fleet, rate=20) as wrong:
        await until(lambda: scored() > 40, 90, "it works before")

        # Slack away while a worker joins: the rebalance does not wait for it.
        async with GroupWatch(kafka.bootstrap, group) as watch:
            await fleet.slack_link.refuse()
            await until(lambda: waits_for(fleet, "slack"), 60, "Slack named as away")
            third = fleet.start_worker()
            await third.ready(fleet.session)
            await until(lambda: watch.members == 3 and watch.state == "Stable", 60, "three work")
        before = scored()
        await until(lambda: scored() > before, 60, "X goes on while Slack is away")
        await fleet.slack_link.restore()

        await fleet.x_link.refuse()
        await until(lambda: waits_for(fleet, "x"), 60, "X named as away")
        before = scored()
        await until(lambda: scored() > before, 60, "Slack goes on while X is away")
        await fleet.x_link.restore()

        fleet.slack_link.hang()
        fleet.x_link.hang()
        await asyncio.sleep(AWAY_S)
        await fleet.slack_link.restore()
        await fleet.x_link.restore()

        kafka.nodes[0].pause()
        try:
            await asyncio.sleep(AWAY_S)
        finally:
            kafka.nodes[0].resume()
        before = scored()
        await until(lambda: scored() > before, 90, "it goes on after a pause of Kafka")

        kafka.nodes[0].kill()
        await asyncio.sleep(1)
        await kafka.nodes[0].restart()
        before = scored()
        await until(lambda: scored() > before, 90, "it goes on after a crash of Kafka")
        assert not wrong
    found = await fleet.settled(90)
    assert not found.problems
    assert (found.lost, found.doubled_left) == (0, 0)
    assert not fleet.observer.topics.dead

"""Workers that are killed, stopped and added in mid-run: nothing lost, nothing posted twice."""

import asyncio
import sys

import pytest

from chaos.faulty_model import GO, HANGS, HANGS_S
from chaos.fleet import Fleet
from chaos.group import STABLE, GroupWatch
from chaos.host_stalls import HostStalls
from chaos.load import People, acts
from chaos.processes import WorkerProcess
from chaos.recovery import longest, stalls
from chaos.waiting import until
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(400)

RATE = 40.0
STOPPED_S = 3.0
"""How long a partition may stand still for a worker that was asked to end."""
REBALANCED_S = HANGS_S[0]
"""A rebalance is over before the model is: it does not wait for it."""
FAULTY_MODEL = (sys.executable, "-m", "chaos.faulty_model", "worker", "-l", "info")
EARLY_ACK = (sys.executable, "-m", "chaos.early_ack", "worker", "-l", "info")


async def played(fleet: Fleet, count: int, rate: float = RATE) -> None:
    """Let people write `count` items, so many a second."""
    people = People(fleet.sandbox)
    for act in acts(count, seed=1):
        people.do(act)
        await asyncio.sleep(1 / rate)


async def scored(fleet: Fleet, count: int) -> None:
    """Return once so many records have been scored."""
    await until(lambda: len(fleet.observer.topics.scored) >= count, 60, f"{count} records scored")


async def one_of_two_killed(fleet: Fleet) -> WorkerProcess:
    """Kill one of two workers under load and start another; return the one that stayed."""
    first, second = fleet.workers
    await scored(fleet, 100)
    first.kill()
    await fleet.start_worker().ready(fleet.session)
    return second


async def test_a_killed_worker_an_added_one_and_a_stopped_one_lose_and_double_nothing(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet()
    await fleet.start_workers(2)
    playing = asyncio.create_task(played(fleet, 700))
    second = await one_of_two_killed(fleet)
    await scored(fleet, 350)
    second.terminate()
    assert await second.ended(25) == 0, second.tail()
    await fleet.start_worker().ready(fleet.session)
    await playing
    found = await fleet.settled(60)
    assert not found.problems
    assert (found.lost, found.doubled_seen, found.doubled_left) == (0, 0, 0)
    assert found.messages == 700
    assert found.alerts > 150
    assert longest(stalls(fleet.observer.topics)) < 30


async def test_a_hop_that_acknowledges_what_only_waits_is_noticed(new_fleet: NewFleet) -> None:
    fleet = await new_fleet(program=EARLY_ACK)
    await fleet.start_workers(2)
    playing = asyncio.create_task(played(fleet, 700))
    await one_of_two_killed(fleet)
    await playing
    await until(lambda: fleet.drained, 60, "everything in raw accounted for")
    found = await fleet.audited()
    assert found.lost > 0


async def test_a_rolling_restart_of_three_loses_and_doubles_nothing_and_stalls_nobody(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet()
    workers = await fleet.start_workers(3)
    playing = asyncio.create_task(played(fleet, 100_000, rate=50))
    with HostStalls() as host:
        for worker in workers:
            await scored(fleet, len(fleet.observer.topics.scored) + 50)
            worker.terminate()
            assert await worker.ended(25) == 0, worker.tail()
            await fleet.start_worker().ready(fleet.session)
        await scored(fleet, len(fleet.observer.topics.scored) + 50)
        playing.cancel()
        found = await fleet.settled(60)
    assert not found.problems
    assert (found.lost, found.doubled_seen, found.doubled_left) == (0, 0, 0)
    assert found.messages >= 200
    stood = [one.seconds - host.within(one.begin, one.end) for one in stalls(fleet.observer.topics)]
    assert max(stood, default=0.0) < STOPPED_S


async def test_a_model_that_raises_and_hangs_over_a_rebalance_costs_time_only(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet(program=FAULTY_MODEL)
    (worker,) = await fleet.start_workers(1)
    address, group = (
        fleet.environment[f"FEEDBACK_{name}"] for name in ("KAFKA_BOOTSTRAP", "APP_ID")
    )
    playing = asyncio.create_task(played(fleet, 300))
    await until(lambda: HANGS in worker.log.read_text(), 60, worker.tail)
    async with GroupWatch(address, group) as watch:
        # Another joins in mid-batch: the rebalance does not wait for the model.
        other = fleet.start_worker()
        await until(lambda: watch.members == 2 and watch.state == STABLE, 60, other.tail)
        assert max(watch.rebalances, default=0.0) < REBALANCED_S
    (fleet.folder / GO).touch()
    await playing
    assert await worker.answers(fleet.session, "/healthz") == 200
    found = await fleet.settled(60)
    assert not found.problems
    assert (found.lost, found.doubled_seen, found.messages) == (0, 0, 300)
    assert "a bug in the model" in worker.log.read_text()

"""Three schedules of faults, each from a fixed seed; the soak runs the same engine for longer."""

import pytest

from chaos.engine import Engine, Run
from chaos.schedule import KINDS, ZOMBIE, schedule
from tests.integration.conftest import KafkaCluster, NewFleet

SEEDS = (0, 1, 2)
FAULTS, SECONDS = 8, 16


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_schedule_of_faults_loses_nothing_and_doubles_nothing(
    kafka_cluster: KafkaCluster, new_fleet: NewFleet, seed: int
) -> None:
    faults = schedule(seed, FAULTS, seconds=SECONDS)
    kafka = await kafka_cluster(1)
    fleet = await new_fleet(kafka.bootstrap, seed=seed)
    outcome = await Engine(Run(seed, messages=480, rate=30, faults=faults), fleet, kafka).run()
    assert not outcome.audit.problems, fleet.folder
    assert (outcome.audit.lost, outcome.audit.doubled_left) == (0, 0)
    if ZOMBIE not in outcome.faults:
        assert outcome.audit.doubled_seen == 0


def test_the_seeds_have_every_kind_of_fault() -> None:
    assert {fault.kind for seed in SEEDS for fault in schedule(seed, FAULTS, SECONDS)} == {*KINDS}

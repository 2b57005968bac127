"""Three schedules of faults, each from a fixed seed; the soak runs the same engine for longer."""

import pytest

from feedback_app.broker import LocalKafka
from tests.integration.conftest import NewFleet
from tests.support.chaos.engine import Engine, Run
from tests.support.chaos.schedule import ZOMBIE, schedule

SEEDS = (1, 2, 3)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_schedule_of_faults_loses_nothing_and_doubles_nothing(
    new_fleet: NewFleet, kafka: LocalKafka, seed: int
) -> None:
    faults = schedule(seed, count=7, seconds=18)
    fleet = await new_fleet(seed=seed)
    outcome = await Engine(Run(seed, 600, 30, faults), fleet, kafka).carry_out()
    print(outcome)
    assert not outcome.audit.problems
    assert (outcome.audit.lost, outcome.audit.doubled_left) == (0, 0)
    if ZOMBIE not in outcome.faults:
        assert outcome.audit.doubled_seen == 0

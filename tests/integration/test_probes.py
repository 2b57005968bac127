"""A worker whose event loop is blocked fails its probe, and only that one."""

import sys

import pytest

from chaos.stuck_loop import WORD
from chaos.waiting import until
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(300)

STUCK_LOOP = (sys.executable, "-m", "chaos.stuck_loop", "worker", "-l", "info")


async def test_a_handler_that_blocks_the_loop_fails_the_probe(new_fleet: NewFleet) -> None:
    fleet = await new_fleet(program=STUCK_LOOP)
    (worker,) = await fleet.start_workers(1)
    assert await worker.answers(fleet.session, "/healthz") == 200
    fleet.sandbox.slack.say("#feedback", f"item 1 version 1: please {WORD}")

    async def fails() -> bool:
        return await worker.answers(fleet.session, "/healthz") is None

    async def works() -> bool:
        return await worker.answers(fleet.session, "/healthz") == 200

    await until(fails, 90, "no answer within the five seconds of a probe")
    await until(works, 60, "it works again")

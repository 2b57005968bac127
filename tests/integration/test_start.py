"""How a worker starts, and what stops it with one clear line."""

import asyncio
import socket
from collections.abc import Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chaos.fleet import Fleet
from chaos.processes import FAUST, WorkerProcess
from chaos.waiting import until
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(300)


async def refused(fleet: Fleet, settings: Mapping[str, str]) -> str:
    """Start a worker that must not start; return its one line."""
    worker: WorkerProcess = fleet.start_worker(**settings)
    assert await worker.ended(60) == 2, worker.tail()
    lines = [line for line in worker.tail(100).splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, worker.tail(100)
    assert "Traceback" not in worker.tail(100)
    return lines[0]


async def test_fausts_own_command_runs_the_pipeline_too(new_fleet: NewFleet) -> None:
    fleet = await new_fleet(program=FAUST)
    (worker,) = await fleet.start_workers(1)
    for number in range(20):
        fleet.sandbox.slack.say("#feedback", f"item {number} version 1 by the other command")
    found = await fleet.settled(40)
    assert not found.problems
    assert found.messages == 20
    worker.terminate()
    assert await worker.ended(25) == 0


WRONG: list[tuple[dict[str, str], tuple[str, ...]]] = [
    ({"FEEDBACK_NEGATIVE_BELOW": "1.5"}, ("FEEDBACK_NEGATIVE_BELOW", "1.5")),
    (
        {"FEEDBACK_NEGATIVE_BELOW": "0.9", "FEEDBACK_POSITIVE_ABOVE": "0.2"},
        ("FEEDBACK_NEGATIVE_BELOW (0.9)", "FEEDBACK_POSITIVE_ABOVE (0.2)"),
    ),
    ({"FEEDBACK_NEGATIVE_CHANNEL": "no channel"}, ("FEEDBACK_NEGATIVE_CHANNEL", "#name")),
    ({"FEEDBACK_SLACK_CHANNELS": "#negative-feedback"}, ("#negative-feedback", "listened")),
    ({"FEEDBACK_MODEL": "/nowhere/at-all"}, ("FEEDBACK_MODEL", "/nowhere/at-all")),
]


async def test_a_setting_that_cannot_work_stops_the_start(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    lines = await asyncio.gather(*(refused(fleet, settings) for settings, _ in WRONG))
    for line, (_, said) in zip(lines, WRONG, strict=True):
        for part in said:
            assert part in line


async def test_a_port_in_use_stops_the_start(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = await refused(fleet, {"FEEDBACK_WEB_PORT": port})
    assert port in line
    assert "FEEDBACK_WEB_PORT" in line


async def test_a_second_app_on_a_prefix_stops_the_start(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    await fleet.start_workers(1)
    line = await refused(fleet, {"FEEDBACK_APP_ID": "another"})
    assert f"FEEDBACK_APP_ID={fleet.environment['FEEDBACK_APP_ID']}" in line
    assert await fleet.workers[0].answers(fleet.session, "/readyz") == 200


async def test_a_wrong_partition_count_stops_the_start(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    admin = AIOKafkaAdminClient(bootstrap_servers=fleet.environment["FEEDBACK_KAFKA_BOOTSTRAP"])
    await admin.start()
    try:
        await admin.create_topics([NewTopic("other.raw", 3, 1)])
        listed = admin.list_topics

        async def there() -> bool:
            return "other.raw" in await listed()

        await until(there, 30, "the topic is there")
    finally:
        await admin.close()
    line = await refused(fleet, {"FEEDBACK_TOPIC_PREFIX": "other."})
    assert "other.raw has 3 partitions instead of 4" in line
    assert "FEEDBACK_PARTITIONS=3" in line

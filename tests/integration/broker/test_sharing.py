"""Workers that share a broker, and cleanup when they end or are killed."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from feedback_app.broker import LocalKafka, find_or_start, running_bootstrap
from feedback_app.broker.sharing import announced
from tests.integration.broker.processes import nodes_on, wait_until_gone
from tests.integration.conftest import KafkaCluster

USER = """
import asyncio, pathlib, sys
from feedback_app.broker import find_or_start
async def use():
    async with await find_or_start(pathlib.Path(sys.argv[1])) as broker:
        print(broker.bootstrap, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(use())
"""

OWNER = """
import asyncio, pathlib, sys
from feedback_app.broker import LocalKafka
async def own():
    async with LocalKafka(pathlib.Path(sys.argv[1])) as kafka:
        print(kafka.nodes[0].pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(own())
"""


class Users:
    """Starts processes that use the broker of one data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.all: list[Process] = []

    async def start(self, program: str = USER) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            str(self.data),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.all.append(process)
        return process


@pytest.fixture
async def users(tmp_path: Path) -> AsyncIterator[Users]:
    found = Users(tmp_path / "shared")
    yield found
    for process in found.all:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    await wait_until_gone(found.data)


async def address(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(90):
        return (await process.stdout.readline()).decode().strip()


async def leave(process: Process) -> None:
    async with asyncio.timeout(60):
        await process.communicate(b"")
    assert process.returncode == 0


async def test_concurrent_users_share_one_broker_and_the_last_stops_it(users: Users) -> None:
    first, second = await users.start(), await users.start()
    found = await asyncio.gather(address(first), address(second))
    assert found[0] == found[1] == running_bootstrap(users.data)
    await leave(first)
    assert running_bootstrap(users.data) == found[1]
    await leave(second)
    assert running_bootstrap(users.data) is None
    await wait_until_gone(users.data)  # its lock is released shortly before the process exits


async def test_killed_users_leave_nothing_behind(users: Users) -> None:
    first, second = await users.start(), await users.start()
    await asyncio.gather(address(first), address(second))
    first.kill()
    await first.wait()
    third = await users.start()
    assert await address(third) == running_bootstrap(users.data)
    second.kill()
    third.kill()
    await wait_until_gone(users.data)


async def test_the_broker_of_a_killed_keeper_dies_and_is_replaced(users: Users) -> None:
    first = await users.start()
    await address(first)
    state = json.loads((users.data / "broker.json").read_text())
    psutil.Process(state["pid"]).send_signal(signal.SIGKILL)
    await wait_until_gone(users.data)
    assert running_bootstrap(users.data) is None
    second = await users.start()
    assert await address(second) == running_bootstrap(users.data) == state["bootstrap"]


async def test_the_broker_of_a_killed_parent_dies(users: Users) -> None:
    parent = await users.start(OWNER)
    assert parent.stdout is not None
    node = int(await address(parent))
    assert nodes_on(users.data) == [node]
    parent.kill()
    await wait_until_gone(users.data)


async def test_a_broker_in_the_foreground_is_found_and_outlives_its_users(
    kafka_cluster: KafkaCluster,
) -> None:
    kafka: LocalKafka = await kafka_cluster(nodes=1)
    assert running_bootstrap(kafka.data) is None
    with announced(kafka):
        async with await find_or_start(kafka.data) as broker:
            assert broker.bootstrap == kafka.bootstrap
        assert running_bootstrap(kafka.data) == kafka.bootstrap
    assert running_bootstrap(kafka.data) is None
    assert kafka.nodes[0].pid is not None

"""`feedback broker` in the foreground: address, supervision and shutdown."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from feedback_app.broker import running_bootstrap
from tests.integration.broker.processes import nodes_on, processes_on, wait_until_gone


@pytest.fixture
async def command(tmp_path: Path) -> AsyncIterator[Process]:
    # No PATH: it must not need an installed Java.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "feedback_app", "broker", "--data", str(tmp_path / "data")),
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | {"PATH": "/nonexistent"},
    )
    yield process
    if process.returncode is None:
        process.kill()
        await process.communicate()
    await wait_until_gone(tmp_path / "data")


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    assert stream is not None
    async with asyncio.timeout(90):
        while text not in (line := (await stream.readline()).decode()):
            assert line, f"it ended without {text!r}"
    return line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_prints_its_address_supervises_and_stops(
    command: Process, number: signal.Signals, tmp_path: Path
) -> None:
    line = await line_with(command.stdout, "Apache Kafka is at")
    found = re.search(r"127\.0\.0\.1:\d+", line)
    assert found is not None
    assert running_bootstrap(tmp_path / "data") == found[0]
    (node,) = nodes_on(tmp_path / "data")
    psutil.Process(node).kill()
    await line_with(command.stderr, "Node 1 has ended by itself and is started again")
    command.send_signal(number)
    await line_with(command.stderr, "Apache Kafka has stopped.")
    async with asyncio.timeout(30):
        assert await command.wait() == 0
    assert processes_on(tmp_path / "data") == []
    await command.communicate()

"""Finds processes that a broker left behind."""

import asyncio
from pathlib import Path

import psutil

from feedback_app.broker import running_bootstrap


def processes_on(data: Path) -> list[int]:
    """Return the processes started with the directory: brokers and keepers, not users."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(data) in line and "-c" not in line.split():
            found.append(process.pid)
    return found


def nodes_on(data: Path) -> list[int]:
    """Return the Kafka processes on the directory, without those that dump an archive."""
    return [pid for pid in processes_on(data) if "kafka.Kafka" in psutil.Process(pid).cmdline()]


async def wait_until_gone(data: Path) -> None:
    """Wait until no broker runs on the directory."""
    async with asyncio.timeout(60):
        while processes_on(data) or running_bootstrap(data):
            await asyncio.sleep(0.05)

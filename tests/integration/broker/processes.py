"""Looks for what a broker could leave behind."""

import asyncio
from pathlib import Path

import psutil

from feedback_app.broker import running_bootstrap


def processes_on(data: Path) -> list[int]:
    """Return the processes that name the directory: brokers, keepers, not its users."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(data) in line and "-c" not in line.split():
            found.append(process.pid)
    return found


def nodes_on(data: Path) -> list[int]:
    """Return the processes of Kafka itself on the directory, not those that make its archive."""
    return [pid for pid in processes_on(data) if "kafka.Kafka" in psutil.Process(pid).cmdline()]


async def gone(data: Path) -> None:
    """Wait until no broker is left on the directory."""
    async with asyncio.timeout(60):
        while processes_on(data) or running_bootstrap(data):
            await asyncio.sleep(0.05)

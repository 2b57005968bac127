"""The demo's workers: starts, checks and stops the processes."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from feedback_app.broker import die_with_parent
from feedback_app.hop.errors import TransientError

FIRST_PORT = 6066
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 15.0
TAIL_LINES = 12
PORT_IN_USE = "cannot serve the page on"
"""Logged by a worker whose port is in use; it is then restarted on another one."""
PORT_TRIES = 5


class Worker:
    """One worker process; its log goes to a file."""

    def __init__(self, number: int, environment: Mapping[str, str], directory: Path) -> None:
        self.port = free_port(FIRST_PORT if number == 1 else 0)
        self.log = directory / f"worker-{number}.log"
        self.number = number
        self._environment = dict(environment)
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None

    @property
    def page(self) -> str:
        """The URL of its page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def ended(self) -> bool:
        """Whether the process has exited."""
        return self._process is not None and self._process.returncode is not None

    async def start(self) -> None:
        """Start the process with a new log, in a directory without a `.env` file."""
        # The worker dies with the demo, even if the demo is killed.
        shim = (sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid()))
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *shim,
                *(sys.executable, "-m", "feedback_app", "worker", "-l", "info"),
                env={**self._environment, "FEEDBACK_WEB_PORT": str(self.port)},
                cwd=self._directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C reaches only the demo, which then stops its workers in order.
                start_new_session=True,
            )

    async def ready(self, session: ClientSession) -> None:
        """Wait until it is ready; raises TransientError if it exits or takes too long.

        Restarts the worker on another port if its port is in use by now.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_WITHIN_S
        tries = 1
        while loop.time() < deadline:
            if self.ended:
                if PORT_IN_USE not in self.tail() or tries == PORT_TRIES:
                    raise TransientError("worker", f"worker {self.number} ended:\n{self.tail()}")
                tries += 1
                self.port = free_port(0)
                await self.start()
            if await self._serves(session):
                return
            await asyncio.sleep(0.1)
        raise TransientError(
            "worker",
            f"worker {self.number} is not ready after {READY_WITHIN_S:.0f} s:\n{self.tail()}",
        )

    async def _serves(self, session: ClientSession) -> bool:
        """Return whether this process, and not another on its port, is ready."""
        limit = ClientTimeout(total=5)
        try:
            async with session.get(f"{self.page}readyz", timeout=limit) as answer:
                if answer.status != 200:
                    return False
            async with session.get(f"{self.page}stats", timeout=limit) as answer:
                return self._is_listed(await answer.json())
        except (ClientError, OSError, TimeoutError, ValueError):
            return False

    def _is_listed(self, stats: Any) -> bool:
        """Return whether the page lists this process, which reports only once it has its port."""
        workers = stats.get("workers") if isinstance(stats, dict) else None
        process = self._process
        return process is not None and any(
            isinstance(one, dict) and f"-{process.pid}-" in str(one.get("id"))
            for one in workers or ()
        )

    async def stop(self) -> None:
        """Terminate the process; kill it if it does not exit in time."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def kill(self) -> None:
        """Kill the process at once, without cleanup."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def tail(self) -> str:
        """Return the last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])


def free_port(wanted: int) -> int:
    """Return the wanted port of loopback if it is free, else any free one."""
    for port in (wanted, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")

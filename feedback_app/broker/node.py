"""One Kafka node: a child process that can be killed, paused, resumed and restarted."""

import asyncio
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from feedback_app.broker.config import LOGGING, NodePlan, render
from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.process import ChildProcess

READY = b"Kafka Server started"
PORT_TAKEN = b"Address already in use"
POLL_S = 0.03
FORMAT_TIMEOUT_S = 60.0
MAX_LOG_BYTES = 16 << 20
JVM_OPTIONS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class PortTaken(Exception):
    """Another program bound the node's port after it was chosen."""


@dataclass(frozen=True)
class Runtime:
    """Java, class path and JVM options of a node."""

    java: Path
    jars: Sequence[Path]
    jvm_options: Sequence[str] = ()

    def command(self, logging: Path, *arguments: str) -> list[str]:
        """Return the command line of a Java program with Kafka's class path."""
        return [
            str(self.java),
            *JVM_OPTIONS,
            *self.jvm_options,
            f"-Dlog4j2.configurationFile={logging}",
            "-cp",
            ":".join(map(str, self.jars)),
            *arguments,
        ]


class Node:
    """A node of a `LocalKafka`.

    `kill`, `pause` and `resume` act immediately; `start`, `stop` and `restart` wait for Kafka.
    """

    def __init__(
        self, plan: NodePlan, properties: dict[str, str], folder: Path, log: Path, runtime: Runtime
    ) -> None:
        self._plan = plan
        self._properties = properties
        self._folder = folder
        self._log = log
        self._runtime = runtime
        self._process: ChildProcess | None = None

    @property
    def id(self) -> int:
        """The node id in the cluster, from 1."""
        return self._plan.id

    @property
    def address(self) -> str:
        """The `host:port` that clients connect to."""
        return self._plan.address

    @property
    def log(self) -> Path:
        """The file with the node's output."""
        return self._log

    @property
    def pid(self) -> int | None:
        """The process id while the node runs, or None."""
        process = self._process
        return None if process is None or process.exit_code is not None else process.pid

    async def format(self, cluster_id: str, extra: Sequence[str] = ()) -> None:
        """Write the settings, and format the storage folder if it is new."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(render(self._properties))
        self._logging.write_text(LOGGING)
        records = self._plan.data
        if (records / "meta.properties").exists():
            return
        shutil.rmtree(records, ignore_errors=True)
        tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", *extra)
        process = ChildProcess(
            self._runtime.command(self._logging, *tool, "--config", str(self._settings)), self._log
        )
        try:
            code = await process.wait(FORMAT_TIMEOUT_S)
        finally:
            process.kill()
        if code != 0:
            raise BrokerUnavailable(f"Apache Kafka cannot use {self._folder}: {self._failure(0)}")

    async def start(self, timeout_s: float = 60.0) -> None:
        """Start the node and wait until it serves clients.

        Raises PortTaken, or BrokerUnavailable with the node's error.
        """
        if self.pid is not None:
            raise RuntimeError(f"node {self.id} is already running")
        self._rotate_log()
        begin = self._log.stat().st_size if self._log.exists() else 0
        self._process = ChildProcess(
            self._runtime.command(self._logging, "kafka.Kafka", str(self._settings)), self._log
        )
        try:
            await self._wait_until_ready(begin, timeout_s)
        except BaseException:
            self.kill()
            raise

    async def stop(self, timeout_s: float = 10.0) -> None:
        """Shut the node down cleanly; kills it after `timeout_s`, which loses no data."""
        if self._process is None:
            return
        self._process.send(signal.SIGTERM)
        self._process.send(signal.SIGCONT)
        try:
            await self._process.wait(timeout_s)
        finally:
            self.kill()

    async def restart(self, timeout_s: float = 60.0) -> None:
        """Restart the node with the same data and ports; stops it first if it is running."""
        await self.stop()
        await self.start(timeout_s)

    def kill(self) -> None:
        """Kill the node, as in a crash (SIGKILL)."""
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """Suspend the node: it keeps its connections but does not respond (SIGSTOP)."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume a paused node (SIGCONT)."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    @property
    def _settings(self) -> Path:
        return self._folder / "server.properties"

    @property
    def _logging(self) -> Path:
        return self._folder / "log4j2.properties"

    async def _wait_until_ready(self, begin: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while READY not in self._output_since(begin):
            if self.pid is None:
                if PORT_TAKEN in self._output_since(begin):
                    raise PortTaken(self._failure(begin))
                raise BrokerUnavailable(f"Apache Kafka did not start: {self._failure(begin)}")
            if time.monotonic() > deadline:
                raise BrokerUnavailable(
                    f"Apache Kafka was not ready after {timeout_s:.0f} s: {self._failure(begin)}"
                )
            await asyncio.sleep(POLL_S)

    def _output_since(self, begin: int) -> bytes:
        with self._log.open("rb") as file:
            file.seek(begin)
            return file.read()

    def _failure(self, begin: int) -> str:
        """Return the first error in the node's output, or its last line, and the log file."""
        lines = self._output_since(begin).decode(errors="replace").splitlines()
        errors = [line for line in lines if " ERROR " in line or "Exception" in line]
        line = (errors or lines[-1:] or ["it printed nothing"])[0]
        return f"{line.strip()[:300]} (see {self._log})"

    def _rotate_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > MAX_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))

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
LOG_KEEP_BYTES = 16 << 20
JVM_OPTIONS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class PortTaken(Exception):
    """Another program took the node's port between its choice and its use."""


@dataclass(frozen=True)
class Runtime:
    """What every node is run with."""

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

    `kill`, `pause` and `resume` act at once; `start`, `stop` and `restart` wait for Kafka.
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
        """The file with what the node prints."""
        return self._log

    @property
    def pid(self) -> int | None:
        """The process id while the node runs, or None."""
        process = self._process
        return None if process is None or process.exit_code is not None else process.pid

    async def format(self, cluster_id: str, extra: Sequence[str] = ()) -> None:
        """Write the settings, and prepare the folder for records where it is new."""
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
            raise BrokerUnavailable(f"Apache Kafka cannot use {self._folder}: {self._why(0)}")

    async def start(self, timeout_s: float = 60.0) -> None:
        """Start the node and wait until it serves clients.

        Raises PortTaken, or BrokerUnavailable with the reason that the node gave.
        """
        if self.pid is not None:
            raise RuntimeError(f"node {self.id} runs already")
        self._rotate_log()
        begin = self._log.stat().st_size if self._log.exists() else 0
        self._process = ChildProcess(
            self._runtime.command(self._logging, "kafka.Kafka", str(self._settings)), self._log
        )
        try:
            await self._ready(begin, timeout_s)
        except BaseException:
            self.kill()
            raise

    async def stop(self, timeout_s: float = 10.0) -> None:
        """Shut the node down in order; after `timeout_s` it is killed, which loses nothing."""
        if self._process is None:
            return
        self._process.send(signal.SIGTERM)
        self._process.send(signal.SIGCONT)
        try:
            await self._process.wait(timeout_s)
        finally:
            self.kill()

    async def restart(self, timeout_s: float = 60.0) -> None:
        """Start the node again on its data and its ports; stops it first where it runs."""
        await self.stop()
        await self.start(timeout_s)

    def kill(self) -> None:
        """End the node at once, as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """Freeze the node: it keeps its connections and answers nothing (SIGSTOP)."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused node go on (SIGCONT)."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    @property
    def _settings(self) -> Path:
        return self._folder / "server.properties"

    @property
    def _logging(self) -> Path:
        return self._folder / "log4j2.properties"

    async def _ready(self, begin: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while READY not in self._printed(begin):
            if self.pid is None:
                if PORT_TAKEN in self._printed(begin):
                    raise PortTaken(self._why(begin))
                raise BrokerUnavailable(f"Apache Kafka did not start: {self._why(begin)}")
            if time.monotonic() > deadline:
                raise BrokerUnavailable(
                    f"Apache Kafka was not ready after {timeout_s:.0f} s: {self._why(begin)}"
                )
            await asyncio.sleep(POLL_S)

    def _printed(self, begin: int) -> bytes:
        with self._log.open("rb") as file:
            file.seek(begin)
            return file.read()

    def _why(self, begin: int) -> str:
        """Return the first error that the node printed, or its last line, and where to read on."""
        lines = self._printed(begin).decode(errors="replace").splitlines()
        errors = [line for line in lines if " ERROR " in line or "Exception" in line]
        said = (errors or lines[-1:] or ["it printed nothing"])[0]
        return f"{said.strip()[:300]} (see {self._log})"

    def _rotate_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_KEEP_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))

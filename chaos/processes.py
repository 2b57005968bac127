"""A worker process: started, probed, stopped, frozen and killed."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

from chaos.waiting import until
from feedback_app.broker import die_with_parent
from feedback_app.broker.ports import choose_ports

ROOT = Path(__file__).parents[1]
FEEDBACK = (sys.executable, "-m", "feedback_app", "worker", "-l", "info")
FAUST = (sys.executable, "-m", "faust", "-A", "feedback_app", "worker", "-l", "info")
PROBE = ClientTimeout(total=5)
"""The timeout of an orchestrator's probe."""
READY_WITHIN_S = 60.0


class WorkerProcess:
    """One worker; it logs to a file and dies with this process."""

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        folder: Path,
        program: Sequence[str] = FEEDBACK,
    ) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self.port = choose_ports(1)[0]
        environment = {"FEEDBACK_WEB_PORT": str(self.port), **environment}
        self.port = int(environment["FEEDBACK_WEB_PORT"])
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                die_with_parent.wrap([*program]),
                env={**environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def url(self) -> str:
        """The address of its page, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Kill it, as in a crash."""
        self._popen.kill()
        self._popen.wait()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._popen.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Suspend it: its connections stay open."""
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self._popen.send_signal(signal.SIGCONT)

    async def ended(self, within: float) -> int:
        """Return its exit status; raises AssertionError if it runs on after `within` seconds."""
        await until(lambda: self.exit_code is not None, within, lambda: f"{self} ended", 0.02)
        return self._popen.wait()

    async def answers(self, session: ClientSession, path: str) -> int | None:
        """Return the status of a GET, or None without an answer within 5 s."""
        try:
            async with session.get(f"{self.url}{path}", timeout=PROBE) as answer:
                return answer.status
        except (ClientError, OSError, TimeoutError):
            return None

    async def ready(self, session: ClientSession, within: float = READY_WITHIN_S) -> float:
        """Return the seconds until it is ready; raises AssertionError with its log if it exits."""

        async def ready() -> bool:
            assert self.exit_code is None, f"{self} ended with {self.exit_code}:\n{self.tail()}"
            return await self.answers(session, "/readyz") == 200

        return await until(ready, within, lambda: f"{self} ready:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def __str__(self) -> str:
        return f"worker {self.name}"

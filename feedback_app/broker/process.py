"""A child process that ends with this process."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from feedback_app.broker import die_with_parent

POLL_S = 0.02


class ChildProcess:
    """A running child; its output is appended to `log`.

    Start it from a thread that lives as long as the child is needed (the kernel watches the
    thread). `wait` is not bound to an event loop, so that tests can share a child across loops.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            # A separate session: Ctrl-C reaches only this process, which stops the child cleanly.
            self._popen = subprocess.Popen(  # noqa: S603
                die_with_parent.wrap([*command]),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; does nothing if the process has ended."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """Send SIGKILL and wait for the exit, which takes milliseconds."""
        self._popen.kill()
        self._popen.wait()

    async def wait(self, timeout_s: float) -> int | None:
        """Wait for the exit; returns the exit status, or None after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self.exit_code is None and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)
        return self.exit_code

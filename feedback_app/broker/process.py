"""A Java program as a child process that dies with us."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from feedback_app.broker import die_with_parent

POLL_S = 0.02


class ChildProcess:
    """A running child; its output is appended to `log`.

    Start it from a thread that lives as long as the child is wanted (the kernel watches the
    thread); what waits is free of any event loop, so that tests may share a child across loops.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        shim = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            # A session of its own: Ctrl-C in the terminal is for us, and we stop it in order.
            self._popen = subprocess.Popen(  # noqa: S603
                [*shim, *command],
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
        """Send a signal; does nothing where the process has ended."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it at once with SIGKILL and wait until it is gone, some milliseconds."""
        self._popen.kill()
        self._popen.wait()

    async def wait(self, timeout_s: float) -> int | None:
        """Wait for the end; returns the exit status, or None after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self.exit_code is None and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)
        return self.exit_code

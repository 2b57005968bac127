"""The resource usage of a process tree."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.hop.measure import Moment

REFRESH_S = 0.5
"""Interval of looking for new children and sampling the memory."""
STOP_WITHIN_S = 10.0


class Tree:
    """A process with its descendants; exited ones count through the parent that waited for them."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._all = [self._root]
        self._sampled_at = 0.0
        self.peak_bytes = 0
        """The peak memory of all together, shared pages counted once."""

    def sample(self) -> None:
        """Look for new children and sample the memory, once per interval."""
        if time.monotonic() - self._sampled_at < REFRESH_S:
            return
        with suppress(psutil.NoSuchProcess):
            self._all = [self._root, *self._root.children(recursive=True)]
        now = sum(_pss(process.pid) for process in self._all)
        self.peak_bytes = max(self.peak_bytes, now)
        self._sampled_at = time.monotonic()

    def used(self) -> Moment:
        """Return the present moment."""
        self.sample()
        before, total = time.monotonic(), 0.0
        for process in self._all:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return (before + time.monotonic()) / 2, total

    async def stop(self, root: asyncio.subprocess.Process) -> None:
        """Send SIGTERM to the root, and kill everything that is left after a while."""
        with suppress(psutil.NoSuchProcess):
            self._all = [self._root, *self._root.children(recursive=True)]
        if root.returncode is None:
            root.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN_S):
                    await root.wait()
        for process in self._all:
            # psutil compares the start time, so a reused pid is not killed.
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await root.wait()


def _pss(pid: int) -> int:
    """Return the proportional set size of a process in bytes, 0 if it has exited."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(rollup.split("\nPss:")[1].split()[0]) * 1024

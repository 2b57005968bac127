"""What a process and everything that it started have used."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import psutil

REFRESH_S = 0.5
"""How often new children are looked for, and the memory is looked at."""
STOP_WITHIN_S = 10.0

Moment = tuple[float, float]
"""Monotonic seconds, and the CPU seconds that had been used by then."""


class Tree:
    """A process with its descendants; those that ended count through whoever waited for them."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._all = [self._root]
        self._looked = 0.0
        self.peak_bytes = 0
        """The most that all had in memory together, pages that they share counted once."""

    def look(self) -> None:
        """Find new children and note the memory, if it is time to."""
        if time.monotonic() - self._looked < REFRESH_S:
            return
        with suppress(psutil.NoSuchProcess):
            self._all = [self._root, *self._root.children(recursive=True)]
        now = sum(_pss(process.pid) for process in self._all)
        self.peak_bytes = max(self.peak_bytes, now)
        self._looked = time.monotonic()

    def used(self) -> Moment:
        """Return this moment."""
        self.look()
        before, total = time.monotonic(), 0.0
        for process in self._all:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return (before + time.monotonic()) / 2, total

    async def stop(self, root: asyncio.subprocess.Process) -> None:
        """End everything, by force where it does not end in time."""
        with suppress(psutil.NoSuchProcess):
            self._all = [self._root, *self._root.children(recursive=True)]
        if root.returncode is None:
            root.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN_S):
                    await root.wait()
        for process in self._all:
            # psutil compares the start time, so a number that is used again is not killed.
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await root.wait()


def middle(one: Moment, other: Moment) -> Moment:
    """Return the moment half way between two."""
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _pss(pid: int) -> int:
    """Return a process's proportional share of the memory in bytes, 0 where it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(rollup.split("\nPss:")[1].split()[0]) * 1024

"""Shares the machine's cores among the processes that run a model on it.

Two processes with one thread per core each take several times as long as with half the threads:
a thread that waits for a descheduled one delays both.
"""

import atexit
import fcntl
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from feedback_app.sentiment.processor import threads_for

_RECOUNT_S = 5.0
_STALE_S = 60.0
"""Age at which an unlocked file is removed as left over from a killed process."""


class ProcessSlots:
    """Counts the computing processes on this machine; each locks a file of its own.

    The kernel releases the lock when the process ends, even if it is killed.
    """

    def __init__(self, folder: Path) -> None:
        """Claim a slot.

        Raises:
            OSError: the folder is not writable, or belongs to another user.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} is not ours")
        self._folder = folder
        self._descriptor, name = tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=folder)
        self._own = Path(name)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def count(self) -> int:
        """Return the number of claimed slots, including this one.

        Raises:
            OSError: the folder was deleted, and this slot with it.
        """
        os.utime(self._own)  # keeps temporary-file cleaners from removing it
        others = (path for path in self._folder.iterdir() if path != self._own)
        return 1 + sum(map(_is_locked, others))

    def close(self) -> None:
        """Release the slot."""
        with suppress(OSError):
            self._own.unlink(missing_ok=True)
        os.close(self._descriptor)


def _is_locked(path: Path) -> bool:
    """Return whether a process holds a lock on the file; removes a stale file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        if time.time() - os.fstat(descriptor).st_mtime > _STALE_S:
            path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


class SharedCores:
    """The number of computing threads of this process, updated as other processes come and go."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Claim a slot in the folder; without one, this process counts as alone."""
        self._folder = folder
        self._clock = clock
        self._counted_at = clock()
        self._slots: ProcessSlots | None = None
        self._threads = threads_for(self._processes())

    def threads(self) -> int:
        """Return the current number of threads; recounts the processes every few seconds."""
        now = self._clock()
        if now - self._counted_at >= _RECOUNT_S:
            self._counted_at = now
            self._threads = threads_for(self._processes())
        return self._threads

    def _processes(self) -> int:
        try:
            if self._slots is None:
                self._slots = ProcessSlots(self._folder)
            return self._slots.count()
        except OSError:
            self.close()  # claims a new slot at the next count
            return 1

    def close(self) -> None:
        """Release the slot."""
        if self._slots is not None:
            self._slots.close()
            self._slots = None


@cache
def shared_cores() -> SharedCores:
    """Return the share of this process; its slot is claimed on first use and released at exit."""
    folder = Path(tempfile.gettempdir()) / f"feedback-monitor-seats-{os.getuid()}"
    cores = SharedCores(folder)
    atexit.register(cores.close)
    return cores

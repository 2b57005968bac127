"""This process's share of the machine's cores, which other processes compute on too.

Two processes with a thread a core each take several times as long as with half the threads: a
thread that waits for another, which is not running, holds up both.
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
_LEFT_S = 60.0
"""Age at which a file that nobody holds was left by a process that was killed."""


class Seats:
    """Counts the processes that compute on this machine; each holds a lock on a file of its own.

    The kernel lets go of a lock when its process ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        """Take a seat.

        Raises:
            OSError: the folder cannot be written, or is somebody else's.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} is not ours")
        self._folder = folder
        self._descriptor, name = tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=folder)
        self._own = Path(name)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def taken(self) -> int:
        """Return how many seats are taken, this one included.

        Raises:
            OSError: somebody cleared the folder away, and this seat with it.
        """
        os.utime(self._own)  # what is touched is not cleared away for its age
        others = (path for path in self._folder.iterdir() if path != self._own)
        return 1 + sum(map(_held, others))

    def close(self) -> None:
        """Leave the seat."""
        with suppress(OSError):
            self._own.unlink(missing_ok=True)
        os.close(self._descriptor)


def _held(path: Path) -> bool:
    """Tell whether a process holds this file; removes one that was left behind."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        if time.time() - os.fstat(descriptor).st_mtime > _LEFT_S:
            path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


class SharedCores:
    """The computing threads of this process, counted anew while others come and go."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a seat in the folder; as long as there is none, this process counts as alone."""
        self._folder = folder
        self._clock = clock
        self._counted_at = clock()
        self._slots: Seats | None = None
        self._threads = threads_for(self._taken())

    def threads(self) -> int:
        """Return the threads to compute with now; looks for others every few seconds."""
        now = self._clock()
        if now - self._counted_at >= _RECOUNT_S:
            self._counted_at = now
            self._threads = threads_for(self._taken())
        return self._threads

    def _taken(self) -> int:
        try:
            if self._slots is None:
                self._slots = Seats(self._folder)
            return self._slots.taken()
        except OSError:
            self.close()  # and take another seat with the next count
            return 1

    def close(self) -> None:
        """Leave the seat."""
        if self._slots is not None:
            self._slots.close()
            self._slots = None


@cache
def shared_cores() -> SharedCores:
    """Return the share of this process, its seat taken on first use and left at its end."""
    folder = Path(tempfile.gettempdir()) / f"feedback-monitor-seats-{os.getuid()}"
    cores = SharedCores(folder)
    atexit.register(cores.close)
    return cores

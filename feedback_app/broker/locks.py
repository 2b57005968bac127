"""Advisory file locks, which the kernel releases however a process ends."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.05


class FileLock:
    """One open file that can hold a shared or an exclusive lock; not inherited by children."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this holder has the lock."""
        return self._fd is not None

    def try_exclusive(self) -> bool:
        """Take the lock for this holder alone; returns whether it is held now."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take the lock together with other shared holders; returns whether it is held now."""
        return self._try(fcntl.LOCK_SH)

    def release(self) -> None:
        """Give the lock back; does nothing where it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _try(self, kind: int) -> bool:
        if self._fd is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            # A failed conversion may have lost the lock that was held, so nothing is kept.
            self.release()
            return False
        return True


def is_held(path: Path) -> bool:
    """Return whether anyone holds an exclusive lock on the file."""
    if not path.exists():
        return False
    probe = FileLock(path)
    free = probe.try_shared()
    probe.release()
    return not free


@contextmanager
def exclusive(path: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the file's lock alone for a while, waiting for whoever has it."""
    lock = FileLock(path)
    while not lock.try_exclusive():
        sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()

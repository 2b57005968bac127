"""Advisory file locks, which the kernel releases when a process ends, even if killed."""

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
        """Whether this object holds the lock."""
        return self._fd is not None

    def try_exclusive(self) -> bool:
        """Try to take the lock exclusively; returns whether it is held now."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Try to take the lock shared; returns whether it is held now."""
        return self._try(fcntl.LOCK_SH)

    def release(self) -> None:
        """Release the lock; does nothing if it is not held."""
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
            # A failed conversion may have dropped the lock that was held, so release it.
            self.release()
            return False
        return True


def is_held(path: Path) -> bool:
    """Return whether any process holds an exclusive lock on the file."""
    if not path.exists():
        return False
    probe = FileLock(path)
    free = probe.try_shared()
    probe.release()
    return not free


@contextmanager
def exclusive(path: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the exclusive lock on the file; waits until it is free."""
    lock = FileLock(path)
    while not lock.try_exclusive():
        sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()

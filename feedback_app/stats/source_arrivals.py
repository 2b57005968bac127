"""The messages of a source in each minute of the last seven days. Pure."""

from array import array

import numpy as np
from numpy.typing import NDArray

WINDOW_MINUTES = 7 * 24 * 60


class Arrivals:
    """A ring of counts by minute of one source, always 40 kB; minutes count since 1970.

    The window ends with the newest minute that was added. Older minutes are ignored.
    """

    def __init__(self) -> None:
        self._counts = array("i", bytes(4 * WINDOW_MINUTES))
        self._newest = -1

    def add(self, minute: int, n: int) -> None:
        """Add `n` messages to a minute; a negative `n` is a correction."""
        if minute <= self._newest - WINDOW_MINUTES:
            return
        if minute > self._newest:
            for stale in range(max(self._newest, minute - WINDOW_MINUTES) + 1, minute + 1):
                self._counts[stale % WINDOW_MINUTES] = 0
            self._newest = minute
        self._counts[minute % WINDOW_MINUTES] += n

    @property
    def last(self) -> int | None:
        """The newest minute with a message, or None."""
        if self._newest >= 0 and self._counts[self._newest % WINDOW_MINUTES] > 0:
            return self._newest
        found = np.flatnonzero(self.counts() > 0)
        return int(self._newest - WINDOW_MINUTES + 1 + found[-1]) if found.size else None

    def counts(self) -> NDArray[np.int32]:
        """Return the messages of each minute, the newest minute last."""
        ring = np.frombuffer(self._counts, dtype=np.int32)
        return np.roll(ring, WINDOW_MINUTES - 1 - self._newest % WINDOW_MINUTES)

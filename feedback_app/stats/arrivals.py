"""How many messages a source brought in each minute of the last seven days. Pure."""

from array import array

import numpy as np
from numpy.typing import NDArray

KEPT_MINUTES = 7 * 24 * 60


class Arrivals:
    """Counts by minute of one source, 40 kB whatever it brings; minutes count since 1970.

    The window ends with the newest minute that was added; what lies before it is left out.
    """

    def __init__(self) -> None:
        self._counts = array("i", bytes(4 * KEPT_MINUTES))
        self._newest = -1

    def add(self, minute: int, n: int) -> None:
        """Add `n` messages (below zero for a correction) to a minute."""
        if minute <= self._newest - KEPT_MINUTES:
            return
        if minute > self._newest:
            for stale in range(max(self._newest, minute - KEPT_MINUTES) + 1, minute + 1):
                self._counts[stale % KEPT_MINUTES] = 0
            self._newest = minute
        self._counts[minute % KEPT_MINUTES] += n

    @property
    def last(self) -> int | None:
        """The newest minute with a message; None where there is none."""
        if self._newest >= 0 and self._counts[self._newest % KEPT_MINUTES] > 0:
            return self._newest
        found = np.flatnonzero(self.counts() > 0)
        return int(self._newest - KEPT_MINUTES + 1 + found[-1]) if found.size else None

    def counts(self) -> NDArray[np.int32]:
        """Return the messages of each minute, the newest minute last."""
        ring = np.frombuffer(self._counts, dtype=np.int32)
        return np.roll(ring, KEPT_MINUTES - 1 - self._newest % KEPT_MINUTES)

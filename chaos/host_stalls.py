"""Times in which the machine gave this process no CPU, which do not count as stalls."""

import threading
import time
from typing import Self

EVERY_S = 0.05
LATE_S = 0.2
"""A wake-up later than this is a stall."""


class HostStalls:
    """Watches from a thread while the context lasts."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._over.wait(EVERY_S):
            now = time.monotonic()
            if now - last > EVERY_S + LATE_S:
                self._found.append((last, now))
            last = now

    def within(self, begin: float, end: float) -> float:
        """Return the stalled seconds between two monotonic times."""
        overlaps = (min(end, stop) - max(begin, start) for start, stop in self._found)
        return sum(overlap for overlap in overlaps if overlap > 0)

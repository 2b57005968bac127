"""Waits between retries: exponential, bounded, with jitter."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits in seconds that double from `first` up to `longest`.

    `jitter` is the fraction by which each wait varies, so that workers that failed together do not
    retry together. `uniform` draws a number from a range; tests replace it.
    """

    first: float
    longest: float
    jitter: float = 0.2
    uniform: Callable[[float, float], float] = random.uniform
    failures: int = field(default=0, init=False)
    """Failures in a row."""

    def next(self, retry_after: float | None = None, longest: float | None = None) -> float:
        """Count a failure and return the wait after it.

        A `retry_after` of the dependency is returned as it is. `longest` replaces the bound for
        this failure.
        """
        bound = self.longest if longest is None else longest
        wait = self.first * 2.0 ** min(self.failures, 32)
        self.failures += 1
        if retry_after is not None:
            return retry_after
        spread = self.uniform(1 - self.jitter, 1 + self.jitter) if self.jitter else 1.0
        return min(bound, wait * spread)

    def reset(self) -> None:
        """Forget the failures, after a success."""
        self.failures = 0

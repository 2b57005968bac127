"""How long to wait between tries: exponential, bounded, with jitter."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits in seconds that double from `first` up to `longest`.

    Each wait is spread by up to `jitter` of itself, so that workers that failed together do not
    come back together. `uniform` draws from a range; tests replace it.
    """

    first: float
    longest: float
    jitter: float = 0.2
    uniform: Callable[[float, float], float] = random.uniform
    failures: int = field(default=0, init=False)
    """Failures in a row."""

    def next(self, retry_after: float | None = None, longest: float | None = None) -> float:
        """Count a failure and return the wait after it.

        A wait that the dependency asked for (`retry_after`) is kept as it is; `longest` takes the
        place of the bound for this failure.
        """
        bound = self.longest if longest is None else longest
        wait = min(bound, self.first * 2.0 ** min(self.failures, 32))
        self.failures += 1
        if retry_after is not None:
            return retry_after
        return wait * self.uniform(1 - self.jitter, 1 + self.jitter) if self.jitter else wait

    def reset(self) -> None:
        """Forget the failures: something worked."""
        self.failures = 0

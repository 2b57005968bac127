"""What counts as worse: how far each figure of the guard may move from the recorded one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a figure may move from the recorded one: the factor, up or down, that fails."""

    factor: float
    higher_is_better: bool = False

    def passed(self, now: float, recorded: float) -> bool:
        """Whether a figure is within the tolerance."""
        if self.higher_is_better:
            return now >= recorded / self.factor
        return now <= recorded * self.factor


LIMITS = {
    "hop_cpu_ms": Limit(1.5),
    "hop_vs_aiokafka_cpu": Limit(1.3),
    "share_of_scorer": Limit(1.1, higher_is_better=True),
    "cpu_ms_outside_model": Limit(1.4),
    "p50_ms": Limit(2.0),
    "p99_ms": Limit(3.0),
}
"""In the order of the last line. A run beside other work differs from a quiet one by less."""


def failures(now: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """Return the figures that are past their tolerance; one that was never recorded passes."""
    return [
        name
        for name, limit in LIMITS.items()
        if name in recorded and not limit.passed(now[name], recorded[name])
    ]

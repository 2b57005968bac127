"""What counts as worse: how far each figure of the guard may move from the recorded one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a figure may move from the recorded one: the factor, up or down, that fails.

    `time` says that it is a time, which a slower machine makes longer.
    """

    factor: float
    higher_is_better: bool = False
    time: bool = False

    def passed(self, now: float, recorded: float) -> bool:
        """Whether a figure is within the tolerance."""
        if self.higher_is_better:
            return now >= recorded / self.factor
        return now <= recorded * self.factor


LIMITS = {
    "hop_cpu_ms": Limit(1.5, time=True),
    "hop_vs_aiokafka_cpu": Limit(1.3),
    "share_of_scorer": Limit(1.1, higher_is_better=True),
    "cpu_ms_outside_model": Limit(1.4, time=True),
    "p50_ms": Limit(2.0, time=True),
    "p99_ms": Limit(3.0, time=True),
}
"""In the order of the last line. A run beside other work differs from a quiet one by less."""


def pace(now: Mapping[str, float], recorded: Mapping[str, float]) -> float:
    """Return how many times longer the same work takes than when it was recorded.

    It is what the bare loop over aiokafka takes, which is none of our code.
    """
    if not recorded:
        return 1.0
    bare, before = (each["hop_cpu_ms"] / each["hop_vs_aiokafka_cpu"] for each in (now, recorded))
    return bare / before


def expected(now: Mapping[str, float], recorded: Mapping[str, float]) -> dict[str, float]:
    """Return the recorded figures as this machine would have had them at its present pace."""
    slower = pace(now, recorded)
    return {
        name: value * slower if LIMITS[name].time else value for name, value in recorded.items()
    }


def failures(now: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """Return the figures that are past their tolerance; one that was never recorded passes."""
    before = expected(now, recorded)
    return [
        name
        for name, limit in LIMITS.items()
        if name in before and not limit.passed(now[name], before[name])
    ]

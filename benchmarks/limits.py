"""The tolerances of the guard's figures."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """The factor by which a figure may differ from the recorded one.

    A `time` is scaled by the pace of the machine.
    """

    factor: float
    higher_is_better: bool = False
    time: bool = False

    def passed(self, now: float, recorded: float) -> bool:
        """Whether a figure is within its tolerance."""
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
"""In the order of the output; a run on a busy machine stays within these."""


def pace(now: Mapping[str, float], recorded: Mapping[str, float]) -> float:
    """Return how many times longer the bare aiokafka loop takes than when it was recorded."""
    if not recorded:
        return 1.0
    bare, before = (each["hop_cpu_ms"] / each["hop_vs_aiokafka_cpu"] for each in (now, recorded))
    return bare / before


def expected(now: Mapping[str, float], recorded: Mapping[str, float]) -> dict[str, float]:
    """Return the recorded figures at the present pace of this machine."""
    slower = pace(now, recorded)
    return {
        name: value * slower if LIMITS[name].time else value for name, value in recorded.items()
    }


def failures(now: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """Return the figures past their tolerance; one without a record passes."""
    before = expected(now, recorded)
    return [
        name
        for name, limit in LIMITS.items()
        if name in before and not limit.passed(now[name], before[name])
    ]

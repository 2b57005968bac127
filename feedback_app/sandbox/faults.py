"""Fault injection: seeded, and bounded so that every run ends."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from feedback_app.sandbox.log import Fault, Log, Platform

NAMES = ("429", "5xx", "disconnect", "odd", "slow", "duplicate", "lost-answer")


@dataclass(frozen=True)
class Rate:
    """The probability of a fault and its maximum number of occurrences."""

    share: float
    """Probability at each opportunity, 0 to 1."""
    most: int
    """Occurrences after which the fault stops."""


DEFAULT_RATES: Mapping[str, Rate] = {
    "429": Rate(0.05, 30),
    # After these three a client cannot know whether a post was accepted: it must wait and check.
    "5xx": Rate(0.03, 12),
    "disconnect": Rate(0.02, 10),
    "lost-answer": Rate(0.03, 10),
    "odd": Rate(0.05, 40),
    "slow": Rate(0.05, 30),
    "duplicate": Rate(0.05, 200),
}


def parse(names: Iterable[str]) -> frozenset[str]:
    """Return the fault names with `all` expanded; raises ValueError for an unknown one."""
    requested = set(names)
    if unknown := requested - {*NAMES, "all"}:
        raise ValueError(f"unknown fault {min(unknown)!r}: choose from {', '.join(NAMES)}, all")
    return frozenset(NAMES) if "all" in requested else frozenset(requested)


class Faults:
    """Decides at each opportunity whether a requested fault happens, and logs it."""

    def __init__(
        self,
        names: Iterable[str],
        random: Random,
        log: Log,
        rates: Mapping[str, Rate] | None = None,
    ) -> None:
        self.names = parse(names)
        self.rates = dict(DEFAULT_RATES) | dict(rates or {})
        self.slow_seconds = (0.2, 4.0)
        """The range of the delay of a slow response, in seconds."""
        self.happened: Counter[str] = Counter()
        self._random = random
        self._log = log

    def set(self, names: Iterable[str], share: float | None = None, most: int = 1) -> None:
        """Replace the requested faults; raises ValueError for an unknown name.

        With `share`, each of them has that probability and happens at most `most` more times.
        """
        self.names = parse(names)
        if share is not None:
            for name in self.names:
                self.rates[name] = Rate(share, self.happened[name] + most)

    def hit(self, name: str, platform: Platform, where: str, per: float = 1.0) -> bool:
        """Return whether the fault happens now; if so, log and count it.

        `per` lowers the probability to share / per, for frequent opportunities.
        """
        if not self.due(name, per):
            return False
        self.note(name, platform, where)
        return True

    def due(self, name: str, per: float = 1.0) -> bool:
        """Like `hit`, but without logging: call `note` when the fault takes effect."""
        rate = self.rates[name]
        if name not in self.names or self.happened[name] >= rate.most:
            return False
        if self._random.random() * per >= rate.share:
            return False
        self.happened[name] += 1
        return True

    def note(self, name: str, platform: Platform, where: str, detail: str = "") -> None:
        """Log a fault for which `due` returned True."""
        self._log.write(Fault(name=name, platform=platform, where=where, detail=detail))

    def seconds(self) -> float:
        """Return the delay of one slow response, in seconds."""
        return self._random.uniform(*self.slow_seconds)

    def pick(self, choices: tuple[str, ...]) -> str:
        """Return a random variant of a fault."""
        return self._random.choice(choices)

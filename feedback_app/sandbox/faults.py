"""Faults on request: which one happens where, seeded, and bounded so that a run ends."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from feedback_app.sandbox.log import Fault, Log, Platform

NAMES = ("429", "5xx", "disconnect", "odd", "slow", "duplicate", "lost-answer")


@dataclass(frozen=True)
class Rate:
    """How often a fault happens and how often at most."""

    share: float
    """Probability at each occasion, 0 to 1."""
    most: int
    """Occurrences after which the fault stays away."""


DEFAULT_RATES: Mapping[str, Rate] = {
    "429": Rate(0.05, 30),
    # After these three a client cannot know whether a post was taken, and has to wait and look.
    "5xx": Rate(0.03, 12),
    "disconnect": Rate(0.02, 10),
    "lost-answer": Rate(0.03, 10),
    "odd": Rate(0.05, 40),
    "slow": Rate(0.05, 30),
    "duplicate": Rate(0.05, 200),
}


def parse(names: Iterable[str]) -> frozenset[str]:
    """Return the fault names asked for, `all` spelled out; raises ValueError for an unknown one."""
    asked = set(names)
    if unknown := asked - {*NAMES, "all"}:
        raise ValueError(f"unknown fault {min(unknown)!r}: choose from {', '.join(NAMES)}, all")
    return frozenset(NAMES) if "all" in asked else frozenset(asked)


class Faults:
    """Decides at each occasion whether a fault that was asked for happens, and logs it."""

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
        """How long a slow answer is held back, from and to, in seconds."""
        self.happened: Counter[str] = Counter()
        self._random = random
        self._log = log

    def set(self, names: Iterable[str], share: float | None = None, most: int = 1) -> None:
        """Ask for other faults from now on; raises ValueError for an unknown name.

        With `share` each of them happens at that rate, and `most` times more at most.
        """
        self.names = parse(names)
        if share is not None:
            for name in self.names:
                self.rates[name] = Rate(share, self.happened[name] + most)

    def hit(self, name: str, platform: Platform, where: str, per: float = 1.0) -> bool:
        """Say whether the fault happens on this occasion; if so it is logged and counted.

        `per` makes it rarer, where occasions are many: its share falls to share / per.
        """
        if not self.due(name, per):
            return False
        self.note(name, platform, where)
        return True

    def due(self, name: str, per: float = 1.0) -> bool:
        """Like `hit`, but `note` has to log it where it really happens."""
        rate = self.rates[name]
        if name not in self.names or self.happened[name] >= rate.most:
            return False
        if self._random.random() * per >= rate.share:
            return False
        self.happened[name] += 1
        return True

    def note(self, name: str, platform: Platform, where: str, detail: str = "") -> None:
        """Log a fault that `due` announced."""
        self._log.write(Fault(name=name, platform=platform, where=where, detail=detail))

    def seconds(self) -> float:
        """Return how long this slow answer takes."""
        return self._random.uniform(*self.slow_seconds)

    def pick(self, choices: tuple[str, ...]) -> str:
        """Return one of the forms that a fault can take."""
        return self._random.choice(choices)

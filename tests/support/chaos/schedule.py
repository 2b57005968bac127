"""Which faults happen when: a pure function of a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

KILL, TERM, ZOMBIE, RESTART = "kill-worker", "stop-worker", "zombie", "restart-all"
BROKER_KILL, BROKER_PAUSE = "kill-broker", "pause-broker"
API_LIMITED, API_ERRORS, API_CUT = "429", "5xx", "disconnect"
TIMEOUT, LOST_ANSWER, DUPLICATE = "slow", "lost-answer", "duplicate"
SLACK_DOWN, SLACK_HANGS, SOCKETS_CUT = "slack-down", "slack-hangs", "sockets-cut"
X_DOWN, X_HANGS, BURST = "x-down", "x-hangs", "burst"

PROCESSES = (KILL, TERM, ZOMBIE, RESTART)
BROKERS = (BROKER_KILL, BROKER_PAUSE)
ASKED_FOR = (API_LIMITED, API_ERRORS, API_CUT, TIMEOUT, LOST_ANSWER, DUPLICATE)
"""Faults that the sandbox makes by itself, for as long as they are asked for."""
LINKS = (SLACK_DOWN, SLACK_HANGS, SOCKETS_CUT, X_DOWN, X_HANGS, BURST)
KINDS = (*PROCESSES, *BROKERS, *ASKED_FOR, *LINKS)

LASTS = {
    KILL: (0.0, 2.0),
    TERM: (0.0, 2.0),
    # Longer than the session: by the time it goes on, another owns its partitions.
    ZOMBIE: (9.0, 12.0),
    RESTART: (0.0, 2.0),
    BROKER_KILL: (0.5, 3.0),
    BROKER_PAUSE: (2.0, 9.0),
    SLACK_DOWN: (2.0, 8.0),
    SLACK_HANGS: (2.0, 10.0),
    X_DOWN: (2.0, 8.0),
    X_HANGS: (2.0, 10.0),
    SOCKETS_CUT: (0.0, 0.0),
    BURST: (0.0, 0.0),
}
"""Seconds, from and to, until each is mended."""
DEFAULT_LASTS = (4.0, 10.0)
NEVER_TOGETHER = (*PROCESSES, *BROKERS)
"""Of these one at a time: what they do to each other is another's run."""


@dataclass(frozen=True, order=True)
class Fault:
    """One fault: when it begins and how long it lasts, in seconds, and a number to choose by."""

    at: float
    kind: str
    lasts: float
    pick: int


def schedule(seed: int, count: int, seconds: float) -> list[Fault]:
    """Return `count` faults that begin within so many seconds, in order."""
    random = Random(f"schedule {seed}")
    # Kinds are dealt like cards, so that a run of seeds has them all.
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += random.sample(KINDS, len(KINDS))
    found: list[Fault] = []
    for kind in kinds[:count]:
        lasts = round(random.uniform(*LASTS.get(kind, DEFAULT_LASTS)), 1)
        at = round(random.uniform(0, seconds), 1)
        found.append(Fault(at, kind, lasts, random.randrange(1_000)))
    return in_turn(found)


def in_turn(faults: Sequence[Fault], pause: float = 1.0) -> list[Fault]:
    """Return faults in order, those of NEVER_TOGETHER moved so that none overlaps another."""
    found: list[Fault] = []
    free = 0.0
    for fault in sorted(faults):
        at = fault.at
        if fault.kind in NEVER_TOGETHER:
            at = max(at, free)
            free = at + fault.lasts + pause
        found.append(Fault(round(at, 1), fault.kind, fault.lasts, fault.pick))
    return sorted(found)

"""Which faults happen when: a pure function of a seed."""

from dataclasses import dataclass
from random import Random

KILL, TERM, ZOMBIE, RESTART = "kill-worker", "stop-worker", "zombie", "restart-all"
BROKER_KILL, BROKER_PAUSE = "kill-broker", "pause-broker"
LEADER_KILL, CLUSTER_DOWN, DISK_FULL = "kill-leader", "cluster-down", "disk-full"
API_LIMITED, API_ERRORS, API_CUT = "429", "5xx", "disconnect"
TIMEOUT, LOST_ANSWER, DUPLICATE, MALFORMED = "slow", "lost-answer", "duplicate", "odd"
SLACK_DOWN, SLACK_HANGS, SOCKETS_CUT = "slack-down", "slack-hangs", "sockets-cut"
CHANNEL_LIMITED = "channel-limited"
X_DOWN, X_HANGS, BURST, POISON = "x-down", "x-hangs", "burst", "poison"

PROCESSES = (KILL, TERM, ZOMBIE, RESTART)
BROKERS = (BROKER_KILL, BROKER_PAUSE, LEADER_KILL, CLUSTER_DOWN, DISK_FULL)
SANDBOX = (API_LIMITED, API_ERRORS, API_CUT, TIMEOUT, LOST_ANSWER, DUPLICATE, MALFORMED)
"""Faults that the sandbox itself injects while they are switched on."""
LINKS = (SLACK_DOWN, SLACK_HANGS, CHANNEL_LIMITED, SOCKETS_CUT, X_DOWN, X_HANGS)
INPUTS = (BURST, POISON)
KINDS = (*PROCESSES, *BROKERS, *SANDBOX, *LINKS, *INPUTS)

LASTS = {
    KILL: (0.0, 2.0),
    TERM: (0.0, 2.0),
    # Longer than the session: another worker owns its partitions when it resumes.
    ZOMBIE: (9.0, 12.0),
    RESTART: (0.0, 2.0),
    BROKER_KILL: (0.5, 3.0),
    BROKER_PAUSE: (2.0, 9.0),
    # Longer than the broker session, so that another replica becomes the leader.
    LEADER_KILL: (8.0, 12.0),
    CLUSTER_DOWN: (30.0, 30.0),
    DISK_FULL: (4.0, 10.0),
    SLACK_DOWN: (2.0, 8.0),
    SLACK_HANGS: (2.0, 10.0),
    X_DOWN: (2.0, 8.0),
    X_HANGS: (2.0, 10.0),
    SOCKETS_CUT: (0.0, 0.0),
    BURST: (0.0, 0.0),
    POISON: (0.0, 0.0),
}
"""Range of the duration in seconds."""
DEFAULT_LASTS = (4.0, 10.0)
ONE_AT_A_TIME = (*PROCESSES, *BROKERS)
"""Never injected at the same time, so that a worker is ready before the next one is killed."""


@dataclass(frozen=True, order=True)
class Fault:
    """One fault: start and duration in seconds, and a number that picks its target."""

    at: float
    kind: str
    lasts: float
    pick: int


def schedule(seed: int, count: int, seconds: float) -> list[Fault]:
    """Return `count` faults that start within so many seconds, in order."""
    random = Random(f"schedule {seed}")
    found: list[Fault] = []
    for kind in dealt(seed * count, count):
        lasts = round(random.uniform(*LASTS.get(kind, DEFAULT_LASTS)), 1)
        at = round(random.uniform(0, seconds), 1)
        found.append(Fault(at, kind, lasts, random.randrange(1_000)))
    return sorted(found)


def dealt(first: int, count: int) -> list[str]:
    """Return `count` kinds from shuffled decks, so that consecutive seeds cover every kind."""
    return [
        Random(f"deck {place // len(KINDS)}").sample(KINDS, len(KINDS))[place % len(KINDS)]
        for place in range(first, first + count)
    ]

"""The verdicts of `/healthz` and `/readyz` on a snapshot of this process. Pure.

`/healthz` fails only if a restart would help: something is stuck and does not report that it is
blocked. An outage of Kafka, X or Slack is no such case, because whatever it blocks reports that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

STUCK_AFTER_S = 60.0

LOOP_STUCK = "event-loop-stuck"
CONSUMER_STUCK = "consumer-stuck"
STAGE_STUCK = "stage-stuck"
NO_PARTITIONS = "no-partitions-assigned"
NO_MODEL = "model-not-loaded"
DEPENDENCY_FAULT = "outside-fault"
STAGE_STOPPED = "stage-stopped"
REASONS = (
    LOOP_STUCK,
    CONSUMER_STUCK,
    STAGE_STUCK,
    NO_PARTITIONS,
    NO_MODEL,
    STAGE_STOPPED,
    DEPENDENCY_FAULT,
)
"""All reasons that a probe can give; the runbook has an entry for each."""


@dataclass(frozen=True, slots=True)
class Progress:
    """When something last made progress (monotonic seconds), and whether it has work to do.

    `waiting_for` is what it reports to be blocked by (`slack`, `kafka`, `rebalance`), or None.
    """

    name: str
    moved_at: float
    busy: bool
    waiting_for: str | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """A snapshot of this process; times in monotonic seconds.

    `loop_at` is the last beat of a timer on the event loop, `consumer` the progress of the fetches,
    `faults` {dependency: what is wrong}.
    """

    now: float
    loop_at: float
    consumer: Progress
    stages: Sequence[Progress]
    assigned: bool
    model_loaded: bool
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a probe; reasons hold no texts of errors, which might be confidential."""

    ok: bool
    reasons: tuple[str, ...]


def alive(health: Health) -> Verdict:
    """Return whether this process works; the reasons name what is stuck."""
    found = [LOOP_STUCK] if health.now - health.loop_at > STUCK_AFTER_S else []
    if _stuck(health.consumer, health.now):
        found.append(CONSUMER_STUCK)
    found += [f"{STAGE_STUCK}:{stage.name}" for stage in health.stages if _stuck(stage, health.now)]
    return Verdict(not found, tuple(found))


def ready(health: Health) -> Verdict:
    """Return whether this process does its share of the work; dependency faults do not fail it."""
    found = [] if health.assigned else [NO_PARTITIONS]
    if not health.model_loaded:
        found.append(NO_MODEL)
    # Its error budget is spent: it reads nothing more until an operator has fixed the bug.
    found += [f"{STAGE_STOPPED}:{stage.name}" for stage in health.stages if stage.stopped]
    ok = not found
    return Verdict(
        ok, (*found, *(f"{DEPENDENCY_FAULT}:{dependency}" for dependency in sorted(health.faults)))
    )


def _stuck(part: Progress, now: float) -> bool:
    return part.busy and part.waiting_for is None and now - part.moved_at > STUCK_AFTER_S

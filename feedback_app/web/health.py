"""What `/healthz` and `/readyz` judge, over a snapshot of this process. Pure.

`/healthz` fails only where a restart would help: something is stuck and does not say that it
waits. No outage of Kafka, X or Slack is such a case, because who waits for one says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

STUCK_AFTER_S = 60.0

LOOP_STUCK = "event-loop-stuck"
CONSUMER_STUCK = "consumer-stuck"
STAGE_STUCK = "stage-stuck"
NO_PARTITIONS = "no-partitions-assigned"
NO_MODEL = "model-not-loaded"
OUTSIDE_FAULT = "outside-fault"
STAGE_STOPPED = "stage-stopped"
REASONS = (
    LOOP_STUCK,
    CONSUMER_STUCK,
    STAGE_STUCK,
    NO_PARTITIONS,
    NO_MODEL,
    STAGE_STOPPED,
    OUTSIDE_FAULT,
)
"""Every word that a probe can give as a reason; the runbook has an entry for each."""


@dataclass(frozen=True, slots=True)
class Progress:
    """When something last moved (monotonic seconds), and whether it has work or may rest.

    `waiting_for` names the declared wait (`slack`, `kafka`, `rebalance`); None where there is none.
    """

    name: str
    moved_at: float
    busy: bool
    waiting_for: str | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """A snapshot of this process; times in monotonic seconds.

    `loop_at` is the last beat of a timer on the event loop, `consumer` the last return of a fetch,
    `stages` what each stage did last, `faults` {outside party: what is wrong}.
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
    """A probe's answer: its reasons, which name no more than a state."""

    ok: bool
    reasons: tuple[str, ...]


def alive(health: Health) -> Verdict:
    """Return whether this process works; each reason says what is stuck."""
    found = [LOOP_STUCK] if health.now - health.loop_at > STUCK_AFTER_S else []
    if _stuck(health.consumer, health.now):
        found.append(CONSUMER_STUCK)
    found += [f"{STAGE_STUCK}:{stage.name}" for stage in health.stages if _stuck(stage, health.now)]
    return Verdict(not found, tuple(found))


def ready(health: Health) -> Verdict:
    """Return whether this process takes part in the work; outside faults are named, not judged."""
    found = [] if health.assigned else [NO_PARTITIONS]
    if not health.model_loaded:
        found.append(NO_MODEL)
    # A stage that met too many bugs takes nothing more until a person has mended it.
    found += [f"{STAGE_STOPPED}:{stage.name}" for stage in health.stages if stage.stopped]
    ok = not found
    return Verdict(
        ok, (*found, *(f"{OUTSIDE_FAULT}:{dependency}" for dependency in sorted(health.faults)))
    )


def _stuck(part: Progress, now: float) -> bool:
    return part.busy and part.waiting_for is None and now - part.moved_at > STUCK_AFTER_S

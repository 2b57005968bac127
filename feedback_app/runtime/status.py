"""What a worker says of itself: the record on `stats`, and the snapshot for the probes."""

from typing import TYPE_CHECKING, Any

from faust.types.tuples import TP

from feedback_app.hop.accounts import minute_of
from feedback_app.hop.stage import Stage
from feedback_app.web.health import Health, Progress
from models import Account, WorkerStatus, from_rfc3339, rfc3339

if TYPE_CHECKING:
    from feedback_app.runtime.pipeline import Pipeline

REBALANCE = "rebalance"


def worker_status(line: "Pipeline", stopped: bool) -> WorkerStatus:
    """Return this worker's record."""
    return WorkerStatus(
        id=line.worker,
        at=rfc3339(line.time.time()),
        started_at=line.started_at,
        partitions={stage.plan.topic: sorted(stage.partitions) for stage in line.stages},
        stages={stage.plan.name: _stage(line, stage) for stage in line.stages},
        sources={
            name: {
                "state": state.state,
                "detail": state.detail or None,
                "last_message_at": state.last_message_at,
                "at": rfc3339(at),
            }
            for name, (state, at) in line.states.items()
        },
        faults=line.faults() | line.notices.raised,
        slack_connections=line.slack_connections.own(),
        model=line.scorer.name or None,
        stopped=stopped,
    )


def filter_account(line: "Pipeline") -> list[Account]:
    """Return the account of what the sources here left out, which nothing else counts."""
    counts = {
        name: {"filtered": state.filtered}
        for name, (state, _) in line.states.items()
        if state.filtered
    }
    total = sum(names["filtered"] for names in counts.values())
    if not total:
        return []
    stage = f"filter:{line.worker}"
    minute = minute_of(from_rfc3339(line.started_at))
    return [Account(stage=stage, partition=0, minute=minute, offset=total, counts=counts)]


def _stage(line: "Pipeline", stage: Stage) -> dict[str, Any]:
    return {
        "lag": sum(lag(line, stage, number) for number in stage.partitions),
        "per_second": round(stage.rate(), 2),
        "waiting_for": "; ".join(stage.waiting.values()) or None,
        "stopped": stage.stopped,
    }


def lag(line: "Pipeline", stage: Stage, number: int) -> int:
    """Return how many records of a partition are not finished, as far as fetches have told."""
    counters, tp = stage.partitions[number].counters, TP(stage.plan.topic, number)
    end = line.registry.consumer.highwater(tp)
    if counters is None or not end:
        return 0
    # The account of what was done long ago has expired; its commit has not.
    return max(0, end - max(counters.offset + 1, line.registry.consumer.begun.get(tp, 0)))


def snapshot(line: "Pipeline") -> Health:
    """Return what the probes judge."""
    now = line.time.monotonic()
    running = line.app.started and bool(line.stages[0].partitions)
    resting = REBALANCE if not running or line.app.rebalancing else None
    return Health(
        now=now,
        loop_at=line.heartbeat.at if line.heartbeat.started else now,
        consumer=Progress(
            "consumer",
            line.registry.consumer.fetched_at if running else now,
            busy=True,
            waiting_for=resting,
        ),
        stages=[
            Progress(
                stage.plan.name,
                stage.progress_at,
                busy=stage.busy,
                waiting_for=next(iter(stage.waiting), resting),
                stopped=stage.stopped is not None,
            )
            for stage in line.stages
        ],
        assigned=any(stage.partitions for stage in line.stages),
        model_loaded=line.scorer.loaded,
        faults=line.faults(),
    )

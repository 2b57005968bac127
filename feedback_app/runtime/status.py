"""The status of this worker, as the records that it writes to `stats`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from faust.types.tuples import TP

from feedback_app.clock import Clock
from feedback_app.hop import Output
from feedback_app.hop.accounts import minute_of
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Stage
from feedback_app.hop.transport import StageConsumer
from feedback_app.kafka.topics import Topic
from feedback_app.runtime.preflight import Preflight
from feedback_app.sources.protocol import SourceState
from models import Account, WorkerStatus, from_rfc3339, rfc3339

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StatusReporter:
    """Reports what this worker does; `started_at` is RFC 3339.

    `sources` are the last states of the sources here, `faults` returns {dependency: what is wrong},
    `connections` the connections to Slack of this worker and `model` the name of its model.
    """

    worker: str
    started_at: str
    topic: Topic
    clock: Clock
    registry: StageRegistry
    sources: Mapping[str, tuple[SourceState, float]]
    faults: Callable[[], dict[str, str]]
    connections: Callable[[], int]
    model: Callable[[], str]

    def records(self, stopped: bool) -> list[Output]:
        """Return the records for `stats`."""
        reported = [
            self.status(stopped),
            *filter_account(self.worker, self.started_at, self.sources),
        ]
        return [Output(self.topic.name, one.key, one.encode(), 0) for one in reported]

    def status(self, stopped: bool) -> WorkerStatus:
        """Return the status; `stopped` marks the last one."""
        stages = self.registry.by_name
        return WorkerStatus(
            id=self.worker,
            at=rfc3339(self.clock.time()),
            started_at=self.started_at,
            partitions={stage.spec.topic: sorted(stage.partitions) for stage in stages.values()},
            stages={name: self._stage(stage) for name, stage in stages.items()},
            sources={name: source_status(state, at) for name, (state, at) in self.sources.items()},
            faults=self.faults(),
            slack_connections=self.connections(),
            model=self.model() or None,
            stopped=stopped,
        )

    def _stage(self, stage: Stage) -> Json:
        return {
            "lag": sum(lag(stage, number, self.registry.consumer) for number in stage.partitions),
            "per_second": round(stage.rate(), 2),
            "waiting_for": "; ".join(stage.waiting.values()) or None,
            "stopped": stage.stopped,
        }


def filter_account(
    worker: str, started_at: str, sources: Mapping[str, tuple[SourceState, float]]
) -> list[Account]:
    """Return the account of the messages that sources filtered out; no stage ever reads them."""
    counts = {
        name: {"filtered": state.filtered} for name, (state, _) in sources.items() if state.filtered
    }
    total = sum(names["filtered"] for names in counts.values())
    if not total:
        return []
    minute = minute_of(from_rfc3339(started_at))
    return [
        Account(stage=f"filter:{worker}", partition=0, minute=minute, offset=total, counts=counts)
    ]


def source_status(state: SourceState, at: float) -> Json:
    """Return the state of a source, reported at `at` in Unix seconds."""
    return {
        "state": state.state,
        "detail": state.detail or None,
        "last_message_at": state.last_message_at,
        "at": rfc3339(at),
    }


def lag(stage: Stage, number: int, consumer: StageConsumer) -> int:
    """Return the unfinished records of a partition, up to the high watermark of the last fetch."""
    counters, tp = stage.partitions[number].counters, TP(stage.spec.topic, number)
    end = consumer.highwater(tp)
    if counters is None or not end:
        return 0
    # The commit of a partition outlives its account, which expires.
    return max(0, end - max(counters.offset + 1, consumer.start_offsets.get(tp, 0)))


def current_faults(stages: Iterable[Stage], preflight: Preflight) -> dict[str, str]:
    """Return {dependency: what is wrong} of everything that blocks this worker."""
    found = {dependency: why for stage in stages for dependency, why in stage.waiting.items()}
    if preflight.blocked_by is not None:
        found["kafka"] = preflight.blocked_by
    return found

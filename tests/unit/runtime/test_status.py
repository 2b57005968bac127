"""The status of a worker, and its snapshot for the probes."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from faust.types.tuples import TP

from feedback_app.hop.accounts import Counters
from feedback_app.kafka.topics import Topic
from feedback_app.runtime.probes import Probes
from feedback_app.runtime.status import StatusReporter, current_faults, lag
from feedback_app.sources.protocol import SourceState
from models import Account, WorkerStatus, rfc3339
from tests.support.clocks import HandClock

TOPIC = TP("feedback.alerts", 0)
NOW = 1_800_000_000.0
STARTED_AT = rfc3339(NOW - 90)


def behind(last: Account | None, start_offsets: dict[TP, int], end: int) -> int:
    """Return the lag of a partition: its account, the commits found at the start, and its end."""
    counters = Counters("delivery", 0, last, lambda: NOW)
    consumer: Any = SimpleNamespace(highwater=lambda tp: end, start_offsets=start_offsets)
    part = SimpleNamespace(counters=counters, tp=TOPIC)
    stage: Any = SimpleNamespace(partitions={0: part}, spec=SimpleNamespace(topic=TOPIC.topic))
    return lag(stage, 0, consumer)


def account(offset: int) -> Account:
    """Return an account up to an offset."""
    minute = "2027-01-15T08:00:00.000Z"
    return Account(stage="delivery", partition=0, minute=minute, offset=offset, counts={})


def test_what_is_counted_is_no_lag() -> None:
    assert behind(account(9), {TOPIC: 7}, 10) == 0
    assert behind(account(9), {}, 15) == 5


def test_what_was_committed_is_no_lag_where_its_account_has_expired() -> None:
    assert behind(None, {TOPIC: 500}, 500) == 0
    assert behind(None, {TOPIC: 500}, 503) == 3
    assert behind(None, {}, 3) == 3


def stage(waiting: Mapping[str, str] | None = None, *, assigned: bool = True) -> Any:
    """Return a stage with one partition or none, whose lag is 5."""
    part = SimpleNamespace(counters=Counters("delivery", 0, account(9), lambda: NOW))
    return SimpleNamespace(
        spec=SimpleNamespace(topic=TOPIC.topic),
        partitions={0: part} if assigned else {},
        waiting=dict(waiting or {}),
        stopped=None,
        busy=True,
        progress_at=NOW - 7,
        rate=lambda: 1.2345,
    )


class Registry:
    """A registry of one stage on an app and a consumer that stand still."""

    def __init__(self, stage: Any, *, rebalancing: bool = False) -> None:
        self.by_name = {"delivery": stage}
        self.app = SimpleNamespace(started=True, rebalancing=rebalancing)
        self.consumer = SimpleNamespace(
            highwater=lambda tp: 15, start_offsets={}, fetched_at=NOW - 3
        )


def reporter(registry: Any, sources: dict[str, tuple[SourceState, float]]) -> StatusReporter:
    return StatusReporter(
        worker="w1",
        started_at=STARTED_AT,
        topic=Topic("feedback.stats", 1),
        clock=HandClock(NOW),
        registry=registry,
        sources=sources,
        faults=lambda: {"slack": "503"},
        connections=lambda: 1,
        model=lambda: "",
    )


def test_a_status_tells_what_the_worker_does() -> None:
    state = SourceState("failing", "X answers with 503", rfc3339(NOW - 60))
    registry = Registry(stage({"slack": "503", "kafka": "no broker"}))
    (output,) = reporter(registry, {"x": (state, NOW - 5)}).records(stopped=False)
    assert (output.topic, output.key, output.partition) == ("feedback.stats", b"worker|w1", 0)
    status = WorkerStatus.decode(output.value)
    assert (status.at, status.started_at) == (rfc3339(NOW), STARTED_AT)
    assert status.partitions == {TOPIC.topic: [0]}
    assert status.stages == {
        "delivery": {
            "lag": 5,
            "per_second": 1.23,
            "waiting_for": "503; no broker",
            "stopped": None,
        }
    }
    assert status.sources == {
        "x": {
            "state": "failing",
            "detail": "X answers with 503",
            "last_message_at": rfc3339(NOW - 60),
            "at": rfc3339(NOW - 5),
        }
    }
    assert status.faults == {"slack": "503"}
    assert (status.slack_connections, status.model, status.stopped) == (1, None, False)


def test_filtered_messages_are_reported_as_an_account_of_the_worker() -> None:
    sources = {
        "slack": (SourceState("running", filtered=3), NOW),
        "more": (SourceState("running", filtered=4), NOW),
        "x": (SourceState("running"), NOW),
    }
    status, filtered = reporter(Registry(stage()), sources).records(stopped=True)
    assert WorkerStatus.decode(status.value).stopped
    account = Account.decode(filtered.value)
    assert (account.stage, account.offset) == ("filter:w1", 7)
    assert account.counts == {"slack": {"filtered": 3}, "more": {"filtered": 4}}


def test_faults_are_those_of_the_stages_and_of_kafka_before_the_start() -> None:
    preflight: Any = SimpleNamespace(blocked_by=None)
    assert current_faults([stage({"slack": "503"}), stage()], preflight) == {"slack": "503"}
    preflight.blocked_by = "no broker"
    assert current_faults([stage()], preflight) == {"kafka": "no broker"}


def probes(registry: Any) -> Probes:
    heartbeat: Any = SimpleNamespace(started=True, at=NOW - 1)
    return Probes(HandClock(NOW), registry, heartbeat, lambda: True, lambda: {"slack": "503"})


def test_a_snapshot_holds_when_each_part_moved_and_what_blocks_it() -> None:
    found = probes(Registry(stage({"slack": "503"}))).snapshot()
    assert (found.now, found.loop_at, found.assigned, found.model_loaded) == (
        NOW,
        NOW - 1,
        True,
        True,
    )
    assert (found.consumer.moved_at, found.consumer.waiting_for) == (NOW - 3, None)
    (part,) = found.stages
    assert (part.name, part.moved_at, part.busy) == ("delivery", NOW - 7, True)
    assert (part.waiting_for, part.stopped) == ("slack", False)
    assert found.faults == {"slack": "503"}


def test_in_a_rebalance_and_without_partitions_everything_may_rest() -> None:
    for registry in (
        Registry(stage(), rebalancing=True),
        Registry(stage(assigned=False)),
    ):
        found = probes(registry).snapshot()
        assert found.consumer.waiting_for == found.stages[0].waiting_for == "rebalance"
    assert (found.assigned, found.consumer.moved_at) == (False, NOW)

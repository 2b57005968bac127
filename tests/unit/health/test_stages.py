"""Conditions of stages, channels, accounting and workers."""

from typing import Any

from feedback_app.health import notices_list as kinds
from feedback_app.health.records import Key, Record
from feedback_app.health.stages import behind_s
from tests.unit.health.cluster import START, Cluster

REFUSED = Key(kinds.CHANNEL_REFUSED, "#negative-feedback")


def stage(lag: int = 0, rate: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"lag": lag, "per_second": rate, "waiting_for": None, **more}


def test_a_stopped_stage_is_reported_with_its_worker_and_its_reason() -> None:
    cluster = Cluster()
    cluster.beat(stages={"sentiment": stage(stopped="ValueError: what now"), "alerts": stage()})
    (key,) = cluster.conditions()
    assert key == (kinds.STAGE_STOPPED, "sentiment on w1")
    assert "ValueError: what now" in cluster.conditions()[key].text


def test_a_stage_lags_if_all_workers_together_need_over_two_minutes_for_its_backlog() -> None:
    cluster = Cluster()
    cluster.beat("w1", stages={"sentiment": stage(2000, 10.0)})
    cluster.beat("w2", stages={"sentiment": stage(400, 10.0)})
    assert behind_s(cluster.facts.live, "sentiment") == 120
    assert cluster.kinds() == set()
    cluster.beat("w2", stages={"sentiment": stage(420, 10.0)})
    assert cluster.kinds() == {kinds.STAGE_LAGGING}


def test_a_stage_without_progress_lags_and_says_what_blocks_it() -> None:
    cluster = Cluster()
    cluster.beat(stages={"delivery": stage(1) | {"waiting_for": "Slack answers 500"}})
    (condition,) = cluster.conditions().values()
    assert condition.text.endswith("makes no progress; blocked by: Slack answers 500")


def test_a_backlog_of_polls_has_no_notice_of_its_own() -> None:
    cluster = Cluster()
    cluster.beat(stages={"polls": stage(50)})
    assert cluster.conditions() == {}


def test_a_channel_refuses_from_a_workers_report_until_the_next_delivery() -> None:
    cluster = Cluster()
    cluster.count("delivery", **{"#negative-feedback": {"created": 3, "delivered": 3}})
    cluster.beat(faults={"channel:#negative-feedback": "it is archived", "slack": "slow"})
    assert set(cluster.conditions()) == {REFUSED}
    found = cluster.conditions()[REFUSED]
    assert (found.text, found.baseline) == ("it is archived", 3)
    cluster.records[REFUSED] = Record(cluster.now, found.text, found.baseline, start_posted=True)
    cluster.beat()
    assert set(cluster.conditions()) == {REFUSED}
    dead = {"created": 1, "dead_lettered": 1}
    cluster.count("delivery", **{"#negative-feedback": dead})
    # A retraction is not a delivery.
    retracted = {"delivered": -1, "retracted": 1}
    cluster.count("delivery", **{"#negative-feedback": retracted})
    assert set(cluster.conditions()) == {REFUSED}
    cluster.count("delivery", **{"#negative-feedback": {"created": 1, "delivered": 1}})
    assert cluster.conditions() == {}


def test_a_channel_that_no_rule_names_any_more_refuses_until_no_alert_is_pending() -> None:
    cluster, gone = Cluster(), Key(kinds.CHANNEL_REFUSED, "#gone")
    cluster.records[gone] = Record(cluster.now, "it is archived", start_posted=True)
    cluster.count("delivery", **{"#gone": {"created": 1, "pending": 1}})
    cluster.beat()
    assert set(cluster.conditions()) == {gone}
    cluster.count("delivery", **{"#gone": {"pending": -1, "dead_lettered": 1}})
    assert cluster.conditions() == {}


def test_unbalanced_accounts_are_reported_with_the_numbers() -> None:
    cluster = Cluster()
    cluster.beat()
    cluster.count("sentiment", x={"ingested": 5, "scored": 4})
    (condition,) = cluster.conditions().values()
    assert condition.text == "source x: 5 ingested, 4 found"
    cluster.count("sentiment", x={"unscored": 1})
    assert cluster.conditions() == {}


def test_a_worker_is_gone_if_its_heartbeat_stops_while_another_lives() -> None:
    cluster = Cluster()
    cluster.beat("w2")
    cluster.later(1, worker="w1")
    cluster.later(15, worker="w2")
    assert cluster.conditions() == {}
    cluster.later(1, worker="w2")
    assert list(cluster.conditions()) == [(kinds.WORKER_GONE, "w1")]


def test_a_worker_that_announced_its_shutdown_is_not_reported() -> None:
    cluster = Cluster()
    cluster.beat("w1", stopped=True)
    cluster.beat("w2")
    cluster.later(60, worker="w2")
    assert cluster.conditions() == {}


def test_each_new_worker_replaces_one() -> None:
    cluster = Cluster()
    for worker in ("w3", "w2", "w1"):
        cluster.later(1, worker=worker)
    cluster.later(60, worker="w3")
    assert len(cluster.conditions()) == 2
    cluster.beat("w4", started_at=cluster.now)
    assert len(cluster.conditions()) == 1
    cluster.beat("w5", started_at=cluster.now)
    assert cluster.conditions() == {}


def test_workers_of_a_cluster_that_was_down_as_a_whole_are_not_reported() -> None:
    cluster = Cluster()
    cluster.beat("w1")
    cluster.later(3600, worker="w2", started_at=START + 3600)
    assert cluster.conditions() == {}

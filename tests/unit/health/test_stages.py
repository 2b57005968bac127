"""What is wrong with stages, channels, accounts and workers."""

from typing import Any

from feedback_app.health import notices_list as kinds
from feedback_app.health.records import Key, Record
from feedback_app.health.stages import behind_s
from tests.unit.health.cluster import START, Cluster

REFUSED = Key(kinds.CHANNEL_REFUSED, "#negative-feedback")


def stage(lag: int = 0, rate: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"lag": lag, "per_second": rate, "waiting_for": None, **more}


def test_a_stopped_stage_is_told_with_its_worker_and_its_reason() -> None:
    cluster = Cluster()
    cluster.beat(stages={"sentiment": stage(stopped="ValueError: what now"), "alerts": stage()})
    (key,) = cluster.wrong()
    assert key == (kinds.STAGE_STOPPED, "sentiment on w1")
    assert "ValueError: what now" in cluster.wrong()[key].text


def test_a_stage_lags_when_all_workers_need_over_two_minutes_for_what_waits() -> None:
    cluster = Cluster()
    cluster.beat("w1", stages={"sentiment": stage(2000, 10.0)})
    cluster.beat("w2", stages={"sentiment": stage(400, 10.0)})
    assert behind_s(cluster.facts.live, "sentiment") == 120
    assert cluster.kinds() == set()
    cluster.beat("w2", stages={"sentiment": stage(420, 10.0)})
    assert cluster.kinds() == {kinds.STAGE_LAGGING}


def test_a_stage_that_does_not_move_at_all_lags_and_says_what_it_waits_for() -> None:
    cluster = Cluster()
    cluster.beat(stages={"delivery": stage(1) | {"waiting_for": "Slack answers 500"}})
    (condition,) = cluster.wrong().values()
    assert condition.text.endswith("none moves; it waits: Slack answers 500")


def test_polls_that_wait_are_no_notice_of_their_own() -> None:
    cluster = Cluster()
    cluster.beat(stages={"polls": stage(50)})
    assert cluster.wrong() == {}


def test_a_channel_refuses_from_a_workers_word_until_an_alert_passes_again() -> None:
    cluster = Cluster()
    cluster.counted("delivery", **{"#negative-feedback": {"created": 3, "delivered": 3}})
    cluster.beat(faults={"channel:#negative-feedback": "it is archived", "slack": "slow"})
    assert set(cluster.wrong()) == {REFUSED}
    found = cluster.wrong()[REFUSED]
    assert (found.text, found.mark) == ("it is archived", 3)
    cluster.records[REFUSED] = Record(cluster.now, found.text, found.mark, told=True)
    cluster.beat()
    assert set(cluster.wrong()) == {REFUSED}
    dead = {"created": 1, "dead_lettered": 1}
    cluster.counted("delivery", **{"#negative-feedback": dead})
    # One that is taken back is no alert that passed.
    taken = {"delivered": -1, "retracted": 1}
    cluster.counted("delivery", **{"#negative-feedback": taken})
    assert set(cluster.wrong()) == {REFUSED}
    cluster.counted("delivery", **{"#negative-feedback": {"created": 1, "delivered": 1}})
    assert cluster.wrong() == {}


def test_a_channel_that_no_rule_names_any_more_refuses_until_nothing_waits_for_it() -> None:
    cluster, gone = Cluster(), Key(kinds.CHANNEL_REFUSED, "#gone")
    cluster.records[gone] = Record(cluster.now, "it is archived", told=True)
    cluster.counted("delivery", **{"#gone": {"created": 1, "pending": 1}})
    cluster.beat()
    assert set(cluster.wrong()) == {gone}
    cluster.counted("delivery", **{"#gone": {"pending": -1, "dead_lettered": 1}})
    assert cluster.wrong() == {}


def test_accounts_that_do_not_balance_are_told_with_the_numbers() -> None:
    cluster = Cluster()
    cluster.beat()
    cluster.counted("sentiment", x={"ingested": 5, "scored": 4})
    (condition,) = cluster.wrong().values()
    assert condition.text == "source x: 5 ingested, 4 found"
    cluster.counted("sentiment", x={"unscored": 1})
    assert cluster.wrong() == {}


def test_a_worker_is_gone_when_it_falls_silent_beside_another() -> None:
    cluster = Cluster()
    cluster.beat("w2")
    cluster.later(1, worker="w1")
    cluster.later(15, worker="w2")
    assert cluster.wrong() == {}
    cluster.later(1, worker="w2")
    assert list(cluster.wrong()) == [(kinds.WORKER_GONE, "w1")]


def test_a_worker_that_says_it_stops_is_not_missed() -> None:
    cluster = Cluster()
    cluster.beat("w1", stopped=True)
    cluster.beat("w2")
    cluster.later(60, worker="w2")
    assert cluster.wrong() == {}


def test_each_newcomer_takes_one_place() -> None:
    cluster = Cluster()
    for worker in ("w3", "w2", "w1"):
        cluster.later(1, worker=worker)
    cluster.later(60, worker="w3")
    assert len(cluster.wrong()) == 2
    cluster.beat("w4", started_at=cluster.now)
    assert len(cluster.wrong()) == 1
    cluster.beat("w5", started_at=cluster.now)
    assert cluster.wrong() == {}


def test_workers_of_a_cluster_that_was_down_as_a_whole_are_not_missed() -> None:
    cluster = Cluster()
    cluster.beat("w1")
    cluster.later(3600, worker="w2", started_at=START + 3600)
    assert cluster.wrong() == {}

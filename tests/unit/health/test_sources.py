"""Conditions of sources."""

from datetime import timedelta

import pytest

from feedback_app.health import notices_list as kinds
from feedback_app.health.records import Record
from tests.unit.health.cluster import SILENT, START, Cluster


def besides_silence(cluster: Cluster, source: str) -> set[str]:
    """Return the kinds of a source's conditions without silence, which other tests cover."""
    return cluster.kinds(source) - {kinds.SOURCE_SILENT}


def test_a_healthy_cluster_has_no_conditions() -> None:
    cluster = Cluster()
    cluster.beat()
    assert cluster.conditions() == {}


def test_nothing_is_said_where_no_worker_lives() -> None:
    cluster = Cluster()
    cluster.beat()
    cluster.now += 100_000
    assert cluster.conditions() == {}


def test_a_source_is_silent_ten_minutes_after_its_last_message() -> None:
    cluster = Cluster()
    cluster.beat()
    cluster.deliver("x", 5)
    cluster.later(60 + 599)
    assert SILENT not in cluster.conditions()
    cluster.later(1)
    assert "the last came" in cluster.conditions()[SILENT].text


def test_a_source_without_any_message_is_silent_from_the_start_of_the_first_worker() -> None:
    cluster = Cluster()
    cluster.beat(started_at=START - 500)
    assert SILENT not in cluster.conditions()
    cluster.later(100, started_at=START - 500)
    assert "nothing yet" in cluster.conditions()[SILENT].text


def test_a_slow_source_may_be_silent_for_three_of_its_gaps() -> None:
    cluster = Cluster()
    for _ in range(10):
        cluster.deliver("x")
        cluster.later(1800)
    assert SILENT not in cluster.conditions()
    cluster.later(3600 + 59)
    assert SILENT not in cluster.conditions()
    cluster.later(1)
    assert SILENT in cluster.conditions()


def test_workers_that_have_just_started_report_no_silence() -> None:
    cluster = Cluster()
    cluster.deliver("x")
    cluster.later(86_400, started_at=START + 86_400 - 30)
    assert SILENT not in cluster.conditions()


def test_only_a_message_ends_a_silence_not_a_restart() -> None:
    cluster = Cluster()
    cluster.deliver("x")
    cluster.later(3600)
    condition = cluster.conditions()[SILENT]
    cluster.records[SILENT] = Record(condition.since or 0.0, condition.text)
    cluster.later(3600, started_at=cluster.now + 3600)
    assert SILENT in cluster.conditions()
    cluster.deliver("x")
    assert SILENT not in cluster.conditions()


def test_a_configured_limit_overrides_the_baseline() -> None:
    cluster = Cluster()
    source = cluster.settings.sources[0].model_copy(update={"silent_after": timedelta(seconds=45)})
    cluster.settings = cluster.settings.model_copy(update={"sources": (source,)})
    cluster.beat()
    cluster.later(44)
    assert SILENT not in cluster.conditions()
    cluster.later(1)
    assert SILENT in cluster.conditions()


def test_a_backlog_of_the_sentiment_stage_is_not_a_silence_of_the_source() -> None:
    cluster = Cluster()
    cluster.deliver("x")
    backlog = {"sentiment": {"lag": 5000, "per_second": 10.0, "waiting_for": None}}
    cluster.later(3600, stages=backlog)
    assert SILENT not in cluster.conditions()
    cluster.later(2)
    assert SILENT in cluster.conditions()


@pytest.mark.parametrize("state", ["failing", "unauthorised", "rate_limited", "budget_spent"])
def test_a_state_that_explains_a_silence_is_the_only_notice(state: str) -> None:
    cluster = Cluster()
    cluster.later(3600, started_at=START, sources={"x": state, "slack": "running"})
    assert cluster.kinds("x") == {f"source_{state}"}


def test_a_paused_source_has_no_conditions() -> None:
    cluster = Cluster()
    cluster.later(3600, started_at=START, sources={"x": "failing"})
    cluster.paused = {"x", "slack"}
    assert cluster.conditions() == {}


def test_a_gap_is_reported_with_what_is_lost() -> None:
    cluster = Cluster()
    cluster.beat(sources={"x": {"state": "gap", "detail": "posts of Tuesday are lost"}})
    (condition,) = cluster.conditions().values()
    assert condition.text == "x: posts of Tuesday are lost"


def test_the_newest_status_of_a_source_counts() -> None:
    cluster = Cluster()
    stale = {"state": "failing", "at": "2020-01-01T00:00:00Z"}
    cluster.beat("w1")
    cluster.beat("w2", sources={"x": stale})
    assert besides_silence(cluster, "x") == set()


def test_slack_is_healthy_while_one_worker_has_a_connection() -> None:
    cluster = Cluster()
    cluster.beat("w1", sources={"slack": "running"})
    cluster.now += 1
    cluster.beat("w2", sources={"slack": "failing"})
    assert besides_silence(cluster, "slack") == set()
    cluster.beat("w1", sources={"slack": "waiting"})
    assert besides_silence(cluster, "slack") == {kinds.SOURCE_FAILING}


def test_a_shared_app_token_has_its_own_notice_whichever_worker_reports_it() -> None:
    cluster = Cluster()
    shared = {"state": "failing", "detail": "slack_token_shared: Slack counts 2 and we opened 1"}
    cluster.beat("w1", sources={"slack": shared})
    cluster.beat("w2", sources={"slack": "running"})
    (key,) = cluster.conditions()
    assert key == (kinds.SLACK_TOKEN_SHARED, "slack")


def test_a_source_lags_when_no_poll_ends_for_five_minutes() -> None:
    cluster = Cluster()
    cluster.beat()
    polled = cluster.cursors["x"]
    cluster.later(300)
    cluster.cursors["x"] = polled
    assert cluster.kinds("x") == set()
    cluster.later(1)
    cluster.cursors["x"] = polled
    assert cluster.kinds("x") == {kinds.SOURCE_LAGGING}

"""What is wrong with a source."""

from datetime import timedelta

import pytest

from feedback_app.health import notices_list as kinds
from feedback_app.health.records import Record
from tests.unit.health.cluster import SILENT, START, Cluster


def quiet_but_for(cluster: Cluster, source: str) -> set[str]:
    """Return what is wrong with a source besides silence, which other tests are about."""
    return cluster.kinds(source) - {kinds.SOURCE_SILENT}


def test_nothing_is_wrong_with_a_cluster_that_works() -> None:
    cluster = Cluster()
    cluster.beat()
    assert cluster.wrong() == {}


def test_nothing_is_said_where_no_worker_lives() -> None:
    cluster = Cluster()
    cluster.beat()
    cluster.now += 100_000
    assert cluster.wrong() == {}


def test_a_source_is_silent_ten_minutes_after_its_last_message() -> None:
    cluster = Cluster()
    cluster.beat()
    cluster.brings("x", 5)
    cluster.later(60 + 599)
    assert SILENT not in cluster.wrong()
    cluster.later(1)
    assert "the last came" in cluster.wrong()[SILENT].text


def test_a_source_that_never_brought_anything_is_silent_since_the_first_worker_lives() -> None:
    cluster = Cluster()
    cluster.beat(started_at=START - 500)
    assert SILENT not in cluster.wrong()
    cluster.later(100, started_at=START - 500)
    assert "nothing yet" in cluster.wrong()[SILENT].text


def test_a_slow_source_may_be_quiet_for_three_of_its_gaps() -> None:
    cluster = Cluster()
    for _ in range(10):
        cluster.brings("x")
        cluster.later(1800)
    assert SILENT not in cluster.wrong()
    cluster.later(3600 + 59)
    assert SILENT not in cluster.wrong()
    cluster.later(1)
    assert SILENT in cluster.wrong()


def test_workers_that_have_just_started_do_not_know_of_a_silence() -> None:
    cluster = Cluster()
    cluster.brings("x")
    cluster.later(86_400, started_at=START + 86_400 - 30)
    assert SILENT not in cluster.wrong()


def test_only_a_message_ends_a_silence_not_a_restart() -> None:
    cluster = Cluster()
    cluster.brings("x")
    cluster.later(3600)
    condition = cluster.wrong()[SILENT]
    cluster.records[SILENT] = Record(condition.since or 0.0, condition.text)
    cluster.later(3600, started_at=cluster.now + 3600)
    assert SILENT in cluster.wrong()
    cluster.brings("x")
    assert SILENT not in cluster.wrong()


def test_the_time_that_is_set_counts() -> None:
    cluster = Cluster()
    source = cluster.settings.sources[0].model_copy(update={"silent_after": timedelta(seconds=45)})
    cluster.settings = cluster.settings.model_copy(update={"sources": (source,)})
    cluster.beat()
    cluster.later(44)
    assert SILENT not in cluster.wrong()
    cluster.later(1)
    assert SILENT in cluster.wrong()


def test_a_backlog_in_the_scores_is_not_a_silence_of_the_source() -> None:
    cluster = Cluster()
    cluster.brings("x")
    backlog = {"sentiment": {"lag": 5000, "per_second": 10.0, "waiting_for": None}}
    cluster.later(3600, stages=backlog)
    assert SILENT not in cluster.wrong()
    cluster.later(2)
    assert SILENT in cluster.wrong()


@pytest.mark.parametrize("state", ["failing", "unauthorised", "rate_limited", "budget_spent"])
def test_what_explains_a_silence_is_the_only_notice(state: str) -> None:
    cluster = Cluster()
    cluster.later(3600, started_at=START, sources={"x": state, "slack": "running"})
    assert cluster.kinds("x") == {f"source_{state}"}


def test_a_paused_source_is_left_alone() -> None:
    cluster = Cluster()
    cluster.later(3600, started_at=START, sources={"x": "failing"})
    cluster.stopped = {"x", "slack"}
    assert cluster.wrong() == {}


def test_a_gap_is_told_with_what_is_lost() -> None:
    cluster = Cluster()
    cluster.beat(sources={"x": {"state": "gap", "detail": "posts of Tuesday are lost"}})
    (condition,) = cluster.wrong().values()
    assert condition.text == "x: posts of Tuesday are lost"


def test_the_newest_words_on_a_source_count() -> None:
    cluster = Cluster()
    stale = {"state": "failing", "at": "2020-01-01T00:00:00Z"}
    cluster.beat("w1")
    cluster.beat("w2", sources={"x": stale})
    assert quiet_but_for(cluster, "x") == set()


def test_slack_works_while_one_worker_has_a_connection() -> None:
    cluster = Cluster()
    cluster.beat("w1", sources={"slack": "running"})
    cluster.now += 1
    cluster.beat("w2", sources={"slack": "failing"})
    assert quiet_but_for(cluster, "slack") == set()
    cluster.beat("w1", sources={"slack": "waiting"})
    assert quiet_but_for(cluster, "slack") == {kinds.SOURCE_FAILING}


def test_a_shared_app_token_is_a_notice_of_its_own_whoever_sees_it() -> None:
    cluster = Cluster()
    shared = {"state": "failing", "detail": "slack_token_shared: Slack counts 2 and we opened 1"}
    cluster.beat("w1", sources={"slack": shared})
    cluster.beat("w2", sources={"slack": "running"})
    (key,) = cluster.wrong()
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

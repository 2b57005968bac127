"""When sources are polled: within X's limit, fairly, and not where that makes no sense."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sources.schedule import Timer, due, intervals
from feedback_app.sources.testing import START as NOW
from feedback_app.sources.testing import MemoryContext, SteppedClock, settings_of
from feedback_app.sources.x.budget import Spend, key
from feedback_app.sources.x.limits import PLANNED_REQUESTS
from models import Cursor, rfc3339


def source(number: int, poll_seconds: float | None = None) -> dict[str, Any]:
    """Return a search source."""
    return {"id": f"s{number}", "type": "x-search", "query": "q", "poll_seconds": poll_seconds}


def test_a_last_poll_in_the_future_keeps_no_source_waiting() -> None:
    # The clock was set back by hours, or the clock of the worker that polled last is ahead.
    assert due({"s": 5.0}, {"s": NOW + 7200}, NOW) == ["s"]
    assert due({"s": 5.0}, {"s": NOW + 2}, NOW) == []


def timer(*sources: dict[str, Any], **more: Any) -> tuple[Timer, MemoryContext, SteppedClock]:
    """Return a timer over these sources."""
    clock = SteppedClock()
    context = MemoryContext(settings_of(*sources, **more), clock)
    return Timer(context), context, clock


@given(st.lists(st.floats(0.5, 3600), min_size=1, max_size=300))
def test_all_sources_together_stay_within_the_limit_and_the_modest_keep_their_pace(
    wishes: list[float],
) -> None:
    every = intervals(settings_of(*(source(n, wish) for n, wish in enumerate(wishes))))
    assert sum(900 / seconds for seconds in every.values()) <= PLANNED_REQUESTS + 1e-6
    fair = 900 * len(wishes) / PLANNED_REQUESTS
    for n, wish in enumerate(wishes):
        assert every[f"s{n}"] >= wish - 1e-6
        if wish >= fair:
            assert abs(every[f"s{n}"] - wish) < 1e-6


def test_one_source_is_polled_at_its_pace() -> None:
    assert intervals(settings_of(source(0))) == {"s0": 5}


def test_the_longest_overdue_comes_first() -> None:
    assert due({"a": 5, "b": 5, "c": 5, "d": 5}, {"a": 99, "b": 90, "c": 80}, 100) == [
        "d",
        "c",
        "b",
    ]


def test_a_quarter_of_an_hour_of_many_sources() -> None:
    found, context, clock = timer(*[source(n) for n in range(200)])
    asked: Counter[str] = Counter()
    for _ in range(900):
        asked.update(each.source for each in found.tick())
        clock.now += 1
    assert asked.total() <= 450
    assert min(asked.values()) >= 1
    assert max(asked.values()) - min(asked.values()) <= 1
    assert not context.states


def test_a_new_leader_goes_on_in_the_same_rhythm() -> None:
    found, context, clock = timer(source(0, 60))
    context.shared.cursors["s0"] = Cursor(source="s0", position="1", at=rfc3339(NOW - 50))
    assert not found.tick()
    clock.now += 10
    (request,) = found.tick()
    assert (request.source, request.due_at) == ("s0", rfc3339(NOW + 10))
    assert not found.tick()


def test_a_paused_source_is_not_asked() -> None:
    found, context, _ = timer(source(0), source(1))
    context.shared.stopped.add("s0")
    assert [each.source for each in found.tick()] == ["s1"]
    assert context.states["s0"].state == "paused"


def test_a_spent_budget_stops_x_until_the_next_day() -> None:
    found, context, clock = timer(source(0), x_daily_posts=100)
    context.shared.cursors[key("s0")] = Spend().plus(95, 1, NOW).cursor("s0", NOW - 100)
    assert not found.tick()
    assert context.states["s0"].state == "budget_spent"
    clock.now += 86400
    assert [each.source for each in found.tick()] == ["s0"]


def test_used_up_searches_stop_the_polls_of_this_window() -> None:
    found, context, clock = timer(source(0), source(1))
    context.shared.cursors[key("s1")] = Spend().plus(0, 450, NOW).cursor("s1", NOW - 100)
    assert not found.tick()
    assert context.states["s0"].state == "rate_limited"
    clock.now += 900
    assert len(found.tick()) == 2


def test_slack_is_not_polled_and_a_stream_is() -> None:
    found, _, _ = timer(
        {"id": "slack", "type": "slack", "channel": "#feedback"},
        {"id": "live", "type": "x-stream", "query": "q"},
        {"id": "long", "type": "x-stream", "query": "q" * 600},
    )
    assert [each.source for each in found.tick()] == ["live"]

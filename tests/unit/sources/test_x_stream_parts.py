"""The stream's pure parts: when to connect again, and which rules to change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sources.protocol import SourceFault, State
from feedback_app.sources.x.backoff import ConnectionLost, StreamBackoff
from feedback_app.sources.x.rules import TAG, change, source_of


def refused(state: State = "failing") -> SourceFault:
    """Return a refusal by HTTP."""
    return SourceFault("x", "refused", state=state)


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (ConnectionLost("x", "closed"), [0.25, 0.5, 0.75, 1.0]),
        (refused(), [5, 10, 20, 40, 80, 160, 320, 320]),
        (refused("rate_limited"), [60, 120, 240, 320, 320]),
    ],
)
def test_each_kind_grows_as_x_asks(fault: SourceFault, waits: list[float]) -> None:
    backoff = StreamBackoff()
    assert [backoff.wait(fault, 0, 0) for _ in waits] == waits


def test_a_connection_that_lived_ends_the_row() -> None:
    backoff = StreamBackoff()
    for _ in range(5):
        backoff.wait(ConnectionLost("x", "closed"), 1, 0)
    assert backoff.wait(ConnectionLost("x", "closed"), 120, 0) == 0.25


@given(st.lists(st.tuples(st.sampled_from(["broken", "http"]), st.floats(0, 300)), max_size=200))
def test_never_more_connects_than_x_allows(ends: list[tuple[str, float]]) -> None:
    backoff, now, connects = StreamBackoff(), 0.0, []
    for kind, lived in ends:
        connects.append(now)
        backoff.connecting(now)
        now += lived
        fault = ConnectionLost("x", "closed") if kind == "broken" else refused()
        now += backoff.wait(fault, lived, now)
    for first in connects:
        assert sum(first <= at < first + 900 for at in connects) <= 50


def test_rules_are_added_kept_and_removed() -> None:
    there = [
        {"id": "1", "value": "a", "tag": f"{TAG}one"},
        {"id": "2", "value": "old", "tag": f"{TAG}two"},
        {"id": "3", "value": "a", "tag": f"{TAG}one"},
        {"id": "4", "value": "x", "tag": "of somebody else"},
        {"id": "5", "value": "y"},
        "odd",
    ]
    found = change(there, {"one": "a", "two": "new"})
    assert found.add == (("two", "new"),)
    assert found.delete == ("2", "3")
    assert change(None, {"one": "a"}).add == (("one", "a"),)


def test_a_post_belongs_to_the_source_of_its_rule() -> None:
    wanted = {"one": "a"}
    assert source_of([{"id": "9"}, {"id": "1", "tag": f"{TAG}one"}], wanted) == "one"
    assert source_of([{"id": "1", "tag": "one"}], wanted) is None
    assert source_of([{"id": "1", "tag": f"{TAG}gone"}], wanted) is None
    assert source_of("odd", wanted) is None

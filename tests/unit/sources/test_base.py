"""What all sources share: cursors that only move forward, and types by name."""

from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.settings import ConfigurationError, Source
from feedback_app.sources import registry
from feedback_app.sources.base import later
from feedback_app.sources.x.search import build
from models import Cursor

cursors = st.builds(
    Cursor,
    source=st.just("x"),
    position=st.integers(0, 2**63).map(str) | st.text(max_size=5),
    at=st.none() | st.sampled_from(["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"]),
)


@given(st.permutations([5, 70, 300, 1000, 20_000]))
def test_later_is_by_number_and_in_any_order(order: list[int]) -> None:
    found: Cursor | None = None
    for position in order:
        found = later(found, Cursor(source="x", position=str(position)))
    assert found is not None
    assert found.position == "20000"


@given(cursors | st.none(), cursors | st.none())
def test_later_is_one_of_the_two(one: Cursor | None, other: Cursor | None) -> None:
    assert later(one, other) in (one, other)
    if one is not None or other is not None:
        assert later(one, other) is not None


def test_pages_under_way_are_later_than_the_same_position() -> None:
    done = Cursor(source="x", position="70", at="2026-01-01T00:00:00.000Z")
    under_way = Cursor(source="x", position="70/90/99", at="2026-01-01T00:00:05.000Z")
    assert later(under_way, done) is under_way
    assert later(done, Cursor(source="x", position="99")) != under_way


def test_an_unknown_type_says_what_to_do() -> None:
    source = Source.model_validate({"id": "m", "type": "mastodon"})
    with pytest.raises(ConfigurationError, match=r"mastodon.*feedback_app\.sources"):
        registry.check([source])


def test_a_source_cannot_take_the_key_of_the_owner() -> None:
    source = Source.model_validate({"id": "owner", "type": "x-search", "query": "q"})
    with pytest.raises(ConfigurationError, match="owner"):
        registry.check([source])


def test_a_package_can_add_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mastodon", "feedback_app.sources.x.search:build", registry.ENTRY_POINTS)

    def found(group: str, name: str) -> list[EntryPoint]:
        return [point] if (group, name) == (registry.ENTRY_POINTS, "mastodon") else []

    monkeypatch.setattr(registry, "entry_points", found)
    registry.check([Source.model_validate({"id": "m", "type": "mastodon"})])
    assert registry.factory("mastodon") is build

"""What all sources share: cursors that only move forward, and types by name."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.load_settings import parse_sources
from feedback_app.settings import OWNER_ID, ConfigurationError
from feedback_app.sources import registry
from feedback_app.sources.cursors import later
from feedback_app.sources.source_type import SourceType
from models import OWNER, Cursor

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
    with pytest.raises(ConfigurationError, match=r"source m: .*mastodon.*feedback_app\.sources"):
        parse_sources([{"id": "m", "type": "mastodon"}])


def test_a_source_cannot_take_the_key_of_the_owner() -> None:
    assert OWNER_ID == OWNER
    with pytest.raises(ConfigurationError, match="owner"):
        parse_sources([{"id": "owner", "type": "x-search", "query": "q"}])


def test_the_built_in_types_are_rows_like_any_other() -> None:
    assert {name: type(registry.find(name)) for name in registry.BUILT_IN} == {
        "x-search": SourceType,
        "x-stream": SourceType,
        "slack": SourceType,
    }


def test_reading_the_configuration_imports_no_client_and_no_records() -> None:
    script = (
        "import sys\n"
        "from feedback_app.load_settings import load\n"
        "load({'FEEDBACK_X_QUERY': 'kettle', 'FEEDBACK_SLACK_CHANNELS': '#feedback'})\n"
        "heavy = {'faust', 'aiokafka', 'tweepy', 'slack_sdk', 'aiohttp'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

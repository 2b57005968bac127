"""X's JSON into feedback: every field, and no shape that is not dealt with."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.hop.errors import BadRecord
from feedback_app.sources.x.posts import read_page, read_post
from feedback_app.sources.x.snowflake import is_synthetic, seconds, snowflake, synthetic_id
from models import Feedback

NOW = 1_790_000_000.0
FIRST, SECOND = snowflake(NOW - 100), snowflake(NOW - 50)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
post_like = st.dictionaries(
    st.sampled_from(
        ["id", "text", "edit_history_tweet_ids", "author_id", "lang", "created_at", "note_tweet"]
    ),
    json_values | st.just(str(FIRST)) | st.lists(st.just(str(FIRST)), max_size=2),
)


def post(**more: Any) -> dict[str, Any]:
    """Return a post as X shows it."""
    return {
        "id": str(SECOND),
        "text": "a &lt;b&gt; &amp;amp; c",
        "author_id": "7",
        "lang": "en",
        "created_at": "2026-09-21T14:00:00.000Z",
        "edit_history_tweet_ids": [str(FIRST), str(SECOND)],
    } | more


def test_every_field() -> None:
    number, found = read_post(post(), "x", {"7": "ann"}, NOW)
    assert number == SECOND
    assert found == Feedback(
        id=f"x:{FIRST}",
        text="a <b> &amp; c",
        source="x",
        revision=1,
        kind="edit",
        lang="en",
        author="ann",
        url=f"https://x.com/ann/status/{SECOND}",
        created_at="2026-09-21T14:00:00.000Z",
        received_at=found.received_at,
    )


def test_a_long_post_is_taken_whole() -> None:
    _, found = read_post(post(note_tweet={"text": "all of it"}), "x", {}, NOW)
    assert found.text == "all of it"


def test_without_an_author_the_link_still_works() -> None:
    _, found = read_post(post(author_id="9"), "x", {"7": "ann"}, NOW)
    assert (found.author, found.url) == (None, f"https://x.com/i/status/{SECOND}")


def test_a_future_time_is_replaced_by_that_of_the_id() -> None:
    _, found = read_post(post(created_at="2036-01-01T00:00:00Z"), "x", {}, NOW)
    assert found.created_at is not None
    assert found.created_at.startswith("2026-")


@pytest.mark.parametrize(
    "item",
    [
        None,
        "text",
        [],
        {},
        {"id": str(FIRST)},
        {"text": "no id"},
        {"id": 17, "text": "a number"},
        {"id": "abc", "text": "letters"},
        {"id": "٣", "text": "other digits"},
        {"id": "9" * 25, "text": "too long"},
        {"id": str(FIRST), "text": 17},
        {"id": str(FIRST), "text": None},
    ],
)
def test_an_odd_item_is_odd_alone(item: object) -> None:
    body = {"data": [post(), item], "meta": {"result_count": 2}}
    page = read_page(body, "x", NOW)
    assert len(page.posts) == 1
    assert len(page.malformed) == 1
    assert orjson.loads(page.malformed[0].value) == item


@pytest.mark.parametrize("body", [None, [], "x", 1, {"data": {}, "meta": {}}, {"data": []}])
def test_an_answer_that_is_no_page_is_said_to_be_none(body: object) -> None:
    with pytest.raises(ValueError, match="answer"):
        read_page(body, "x", NOW)


@given(post_like | json_values)
def test_any_item_is_feedback_or_a_bad_record(item: object) -> None:
    try:
        _, found = read_post(item, "x", {}, NOW)
    except BadRecord:
        return
    assert Feedback.decode(found.encode()) == found


@given(json_values, json_values, st.lists(post_like | json_values, max_size=4))
def test_any_answer_is_a_page_or_a_value_error(meta: object, users: object, data: object) -> None:
    try:
        page = read_page({"data": data, "meta": meta, "includes": {"users": users}}, "x", NOW)
    except ValueError:
        return
    assert len(page.posts) + len(page.malformed) <= page.count


@given(st.floats(1_300_000_000, 2_200_000_000))
def test_ids_carry_their_time(at: float) -> None:
    assert seconds(snowflake(at)) == pytest.approx(at, abs=0.002)
    assert synthetic_id(at) < snowflake(at)
    assert is_synthetic(synthetic_id(at))

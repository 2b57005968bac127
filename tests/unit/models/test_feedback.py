"""What may arrive on `raw`: a text is enough, everything else has a default or a reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import DeadLetter, Feedback, InvalidRecord, from_rfc3339, rfc3339
from models.dead_letter import MAX_VALUE_BYTES
from models.feedback import MAX_TEXT_BYTES, cut_text, sane_time


def test_a_text_and_a_key_are_enough() -> None:
    feedback = Feedback.decode(b'{"text": "hello"}', b"42")
    assert (feedback.id, feedback.text, feedback.source, feedback.kind, feedback.revision) == (
        "webhook:webhook:42",
        "hello",
        "webhook",
        "create",
        0,
    )


def test_a_key_of_any_length_gives_an_id_that_fits() -> None:
    long = Feedback.decode(b'{"text": "a"}', b"k" * 700_000)
    assert len(long.id) < 100
    assert long.id != Feedback.decode(b'{"text": "a"}', b"k" * 700_001).id


def test_without_a_key_the_id_is_a_digest_of_the_text() -> None:
    one, two = Feedback.decode(b'{"text": "a"}'), Feedback.decode(b'{"text": "a"}')
    assert one.id == two.id
    assert one.id.startswith("file:")
    assert Feedback.decode(b'{"text": "b"}').id != one.id


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'"text"', "not a JSON object but str"),
        (b"[]", "not a JSON object but list"),
        (b"{}", "no text"),
        (b'{"text": null}', "no text"),
        (b'{"text": 5}', "text is not a string"),
        (b'{"text": "a", "kind": "shout"}', "unknown kind 'shout'"),
        (b'{"text": "a", "revision": "1"}', "revision is not an integer"),
        (b'{"text": "a", "revision": true}', "revision is not an integer"),
        (b'{"text": "a", "source": ""}', "source is not a name"),
        (b'{"text": "a", "id": 7}', "id is not a string"),
        (b'{"text": "a", "author": {"name": "x"}}', "author is not a string"),
        (b'{"text": "a", "version": 2}', "unknown version 2"),
        (b'{"text": "a", "id": "%s"}' % (b"i" * 513), "id is over 512 characters"),
        (b'{"text": "a", "source": "%s"}' % (b"s" * 129), "source is over 128 characters"),
        (b'{"text": "a", "url": "%s"}' % (b"u" * 2049), "url is over 2048 characters"),
    ],
)
def test_a_malformed_record_has_a_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(InvalidRecord, match=reason):
        Feedback.decode(value, b"k")


def test_a_deletion_needs_no_text_and_keeps_none() -> None:
    feedback = Feedback.decode(b'{"id": "x:1", "kind": "delete", "text": "secret"}')
    assert (feedback.kind, feedback.text) == ("delete", "")


def test_a_text_over_64_kb_is_cut_and_marked() -> None:
    long = "ä" * 50_000
    feedback = Feedback.decode(json.dumps({"text": long}).encode())
    assert feedback.truncated
    assert len(feedback.text.encode()) <= MAX_TEXT_BYTES
    assert long.startswith(feedback.text)
    assert Feedback.decode(feedback.encode()).truncated


@given(st.text(st.characters(), max_size=50), st.integers(1, 3000))
def test_cut_texts_are_valid_and_within_the_limit(text: str, times: int) -> None:
    cut, was_cut = cut_text(text * times)
    assert len(cut.encode()) <= MAX_TEXT_BYTES
    assert was_cut == (len((text * times).encode("utf-8", "replace")) > MAX_TEXT_BYTES)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(
            ["text", "id", "kind", "source", "revision", "version", "lang", "url", "created_at"]
        ),
        json_values,
    ).map(lambda data: json.dumps(data).encode()),
    st.none() | st.binary(max_size=20),
)
def test_any_bytes_are_feedback_or_refused(value: bytes, key: bytes | None) -> None:
    try:
        feedback = Feedback.decode(value, key)
    except InvalidRecord:
        return
    assert Feedback.decode(feedback.encode()).encode() == feedback.encode()


@given(st.floats(0, 4e9))
def test_times_survive_to_the_millisecond(seconds: float) -> None:
    assert abs(from_rfc3339(rfc3339(seconds)) - seconds) < 0.0011


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2026-11-24T10:00:00Z", True),
        ("2026-11-24T10:04:00+00:00", True),
        ("2026-11-24T11:00:00Z", False),
        ("2099-01-01T00:00:00Z", False),
        ("yesterday", False),
        ("2026-11-24T10:00:00", False),
        (None, False),
    ],
)
def test_a_time_of_the_future_or_of_no_form_is_left_out(text: str | None, kept: bool) -> None:
    now = from_rfc3339("2026-11-24T10:00:00Z")
    assert sane_time(text, now) == (text if kept else None)


def test_a_dead_letter_keeps_256_kb_of_the_value_with_its_length_and_digest() -> None:
    value = b"x" * (MAX_VALUE_BYTES + 10)
    arguments: dict[str, Any] = {"topic": "t", "partition": 0, "offset": 1, "key": None}
    arguments |= {"stage": "s", "error": "E", "reason": "r", "attempts": 1, "failed_at": "now"}
    letter = DeadLetter.decode(DeadLetter.of(value=value, **arguments).encode())
    assert letter.value_bytes() == value[:MAX_VALUE_BYTES]
    assert letter.length == len(value)
    assert not letter.whole
    assert letter.sha256 is not None
    assert DeadLetter.of(value=b"x", **arguments).whole

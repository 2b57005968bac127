"""Dead letters: selection, and the state that actions give them."""

import base64
import json

import pytest

from feedback_app.cli.letters import Letter, carries_text, chosen, feedback_id, state_of
from feedback_app.stats.actions import DROP, RETRY, target_of
from models import Action, DeadLetter

AT = 1_700_000_000.123


def letter(
    number: int = 0,
    *,
    stage: str = "sentiment",
    reason: str = "not JSON",
    value: bytes | None = b"{}",
    offset: int = 5,
) -> Letter:
    content = DeadLetter.of(
        topic="feedback.raw",
        partition=1,
        offset=offset,
        key=b"k",
        value=value,
        stage=stage,
        error="InvalidRecord",
        reason=reason,
        attempts=1,
        failed_at="2026-03-01T00:00:00.000Z",
    )
    return Letter(number, AT, content)


def test_letters_are_selected_by_number_stage_and_text_of_the_reason() -> None:
    letters = [
        letter(1),
        letter(2, stage="delivery", reason="Slack says is_archived"),
        letter(3, reason="unknown version 9"),
    ]
    assert [found.number for found in chosen(letters, (), None, None)] == [1, 2, 3]
    assert [found.number for found in chosen(letters, (1, 2), None, None)] == [1, 2]
    assert [found.number for found in chosen(letters, (), "delivery", None)] == [2]
    assert [found.number for found in chosen(letters, (), None, "IS_ARCHIVED")] == [2]
    assert [found.number for found in chosen(letters, (), None, "invalidrecord")] == [1, 2, 3]
    assert chosen(letters, (1,), "delivery", None) == []


@pytest.mark.parametrize(
    ("kind", "state"), [(RETRY, "retried"), (DROP, "dropped"), ("pause", "waiting")]
)
def test_the_newest_action_gives_the_state(kind: str, state: str) -> None:
    target = target_of(7, AT)
    assert state_of(7, AT, {target: Action(type=kind, target=target)}) == state


def test_an_action_on_a_recreated_topic_does_not_hide_another_letter() -> None:
    target = target_of(7, AT)
    actions = {target: Action(type=DROP, target=target)}
    assert state_of(7, AT + 60, actions) == "waiting"
    assert state_of(8, AT, actions) == "waiting"


def test_only_complete_kafka_records_can_be_retried() -> None:
    assert letter().retriable
    assert letter(value=None).retriable
    assert not letter(offset=-1).retriable
    assert not letter(value=b"x" * 300_000).retriable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"id": "x:1", "text": "t"}, "x:1"),
        ({"feedback": {"id": "x:2"}, "score": 1}, "x:2"),
        ({"id": "0f" * 16, "feedback_id": "x:3", "op": "put"}, "x:3"),
        ({"id": 5}, None),
        ([1], None),
    ],
)
def test_the_id_of_the_feedback_in_a_letter_is_found(value: object, expected: str | None) -> None:
    assert feedback_id(letter(value=json.dumps(value).encode()).content) == expected


@pytest.mark.parametrize(
    ("value", "carries"),
    [
        ({"id": "x:1", "text": "t"}, True),
        ({"id": "x:1", "kind": "delete"}, False),
        ({"feedback": {"id": "x:2", "kind": "delete"}}, False),
        ({"id": "0f" * 16, "feedback_id": "x:3", "op": "put"}, True),
        ({"id": "0f" * 16, "feedback_id": "x:3", "op": "retract"}, False),
        ([1], True),
    ],
)
def test_a_deletion_or_a_retraction_carries_no_text(value: object, carries: bool) -> None:
    assert carries_text(letter(value=json.dumps(value).encode()).content) is carries


def test_bytes_that_are_not_json_have_no_id() -> None:
    content = letter(value=b"\xff\x00").content
    assert content.value == base64.b64encode(b"\xff\x00").decode()
    assert feedback_id(content) is None

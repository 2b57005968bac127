"""Dead letters on a real broker: listed, shown, sent again, dropped."""

import json

from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from tests.integration.cli.records import (
    Run,
    dead,
    read,
    scored,
    shown,
    write,
)


def test_dead_letters_are_listed_shown_retried_and_dropped(
    feedback: Run, settings: Settings
) -> None:
    topics = Topics.of(settings)
    write(
        settings,
        topics.dead_letters.name,
        [
            dead(settings, 0, b"\xffbroken \x1b[31m"),
            dead(settings, 1, b"{}", stage="delivery", reason="is_archived"),
            dead(settings, -1, b"{}", topic="slack", stage="slack", reason="no ts"),
        ],
    )
    assert [item["number"] for item in shown(feedback("dead-letters", "list", "--json"))] == [
        0,
        1,
        2,
    ]
    listed = shown(feedback("dead-letters", "list", "--stage", "delivery", "--json"))
    assert [item["reason"] for item in listed] == ["is_archived"]
    text = feedback("dead-letters", "show", "0").stdout
    assert "\x1b" not in text
    assert "\\xffbroken" in text

    assert "Sent 1 of 1" in feedback("dead-letters", "retry", "0").stdout
    (again,) = read(settings, topics.raw.name)
    assert (again.partition, again.key, again.value) == (2, b"k0", b"\xffbroken \x1b[31m")
    refused = feedback("dead-letters", "retry", "2", status=1)
    assert "never was a Kafka record" in refused.stderr
    feedback("dead-letters", "drop", "--reason", "no ts")
    assert [item["number"] for item in shown(feedback("dead-letters", "list", "--json"))] == [1]
    states = [item["state"] for item in shown(feedback("dead-letters", "list", "--all", "--json"))]
    assert states == ["retried", "waiting", "dropped"]

    assert "give numbers" in feedback("dead-letters", "drop", status=2).stderr
    assert "no dead letter 9" in feedback("dead-letters", "show", "9", status=2).stderr


def test_the_text_of_a_deleted_message_is_not_shown(feedback: Run, settings: Settings) -> None:
    topics = Topics.of(settings)
    value = json.dumps({"id": "x:7", "text": "a private word"}).encode()
    write(settings, topics.scored.name, [(b"x:7", scored("x:7", None, kind="delete"))])
    (row,) = read(settings, topics.scored.name)
    letters = [dead(settings, 0, value, partition=row.partition)]
    write(settings, topics.dead_letters.name, letters)
    text = feedback("dead-letters", "show", "0").stdout
    assert "private" not in text
    assert "deleted at its source" in text


def test_what_its_author_deleted_is_not_sent_again_but_its_withdrawal_is(
    feedback: Run, settings: Settings
) -> None:
    topics = Topics.of(settings)
    values: list[dict[str, str]] = [
        {"id": "x:7", "text": "a private word"},
        {"id": "x:8", "text": "still there"},
        {"id": "x:7", "text": "", "kind": "delete"},
    ]
    write(settings, topics.scored.name, [(b"x:7", scored("x:7", None, kind="delete"))])
    letters = [
        dead(settings, number, json.dumps(value).encode()) for number, value in enumerate(values)
    ]
    write(settings, topics.dead_letters.name, letters)
    result = feedback("dead-letters", "retry", "--stage", "sentiment", status=1)
    assert "0: its message was deleted at its source: drop it" in result.stderr
    assert "Sent 2 of 3 again." in result.stdout
    assert b"private" not in b"".join(row.value or b"" for row in read(settings, topics.raw.name))
    assert len(read(settings, topics.raw.name)) == 2


def test_a_dead_letters_reason_drives_no_terminal_and_a_wrong_stage_is_named(
    feedback: Run, settings: Settings
) -> None:
    letter = dead(settings, 0, b"{}", reason="unexpected \x1b]0;mine\x07name")
    write(settings, Topics.of(settings).dead_letters.name, [letter])
    assert "\x1b" not in feedback("dead-letters", "show", "0").stdout
    for command in ("list", "retry", "drop"):
        result = feedback("dead-letters", command, "--stage", "sentimental", status=2)
        assert "there is no stage 'sentimental': one of polls" in result.stderr

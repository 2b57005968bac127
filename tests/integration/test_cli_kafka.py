"""The commands on a real broker: topics, load, sources, dead letters, replay, rescore."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from feedback_app.broker import LocalKafka
from feedback_app.cli import program
from feedback_app.cli.common import run
from feedback_app.hop.types import Row
from feedback_app.kafka import producer
from feedback_app.readback import ReadBack
from feedback_app.settings import Settings, load
from feedback_app.topic_admin import ensure_topics
from feedback_app.topics import Topics
from models import DeadLetter, Feedback, ScoredFeedback
from tests.support.clocks import HandClock

PARTITIONS = 3
Run = Callable[..., Result]


@pytest.fixture
def settings(
    kafka: LocalKafka, unique_prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Settings:
    """Return settings with topics of their own, which the commands read from the environment."""
    monkeypatch.chdir(tmp_path)
    values = {
        "KAFKA_BOOTSTRAP": kafka.bootstrap,
        "TOPIC_PREFIX": unique_prefix,
        "APP_ID": unique_prefix.rstrip("."),
        "PARTITIONS": str(PARTITIONS),
        "X_QUERY": "to:lumenkettle",
        "MODEL": "hashing",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"FEEDBACK_{name}", value)
    return load()


@pytest.fixture
def feedback(settings: Settings) -> Run:
    """Return a function that runs the program and expects an exit status."""

    def call(*args: str, status: int = 0) -> Result:
        result = CliRunner().invoke(program(), args, prog_name="feedback")
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return call


def shown(result: Result) -> Any:
    """Return the JSON that a command printed."""
    return json.loads(result.stdout)


def read(settings: Settings, topic: str, partitions: int = PARTITIONS) -> list[Row]:
    """Return every record of a topic."""
    rows: list[Row] = []
    start = dict.fromkeys(range(partitions), 0)
    run(ReadBack(settings, HandClock()).to_end(topic, start, None, rows.append))
    return rows


def write(settings: Settings, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
    """Produce records, key and value, after the topics are there."""

    async def send() -> None:
        await ensure_topics(settings, Topics.of(settings))
        async with producer(settings) as client:
            for key, value in records:
                await client.send_and_wait(topic, key=key, value=value)

    run(send())


def test_topics_are_missed_created_and_counted(
    feedback: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = feedback("topics", "--json", status=1)
    assert "feedback topics --create" in missing.stderr
    assert {item["problem"] for item in shown(missing)} == {"missing"}
    feedback("topics", "--create")
    states = shown(feedback("topics", "--json"))
    assert len(states) == 10
    assert {item["problem"] for item in states} == {None}
    assert {item["partitions"] for item in states} == {1, PARTITIONS}
    feedback("topics", "--create")
    monkeypatch.setenv("FEEDBACK_PARTITIONS", "5")
    wrong = feedback("topics", "--create", status=2)
    assert f"FEEDBACK_PARTITIONS={PARTITIONS}" in wrong.stderr
    assert "\n" not in wrong.stderr.strip()
    assert "3 partitions instead of 5" in feedback("topics", status=1).stderr


def test_a_file_goes_into_raw_with_its_bad_lines_named(
    feedback: Run, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "survey.csv"
    file.write_text('text,author\n"Fine, thanks",ann\n,bob\nToo loud,cem\n')
    result = feedback("load", str(file), status=1)
    assert "Sent 2 of 3 rows" in result.stdout
    assert "line 3: no text" in result.stderr
    rows = read(settings, Topics.of(settings).raw.name)
    found = {Feedback.decode(row.value, row.key).text: row.key for row in rows}
    assert set(found) == {"Fine, thanks", "Too loud"}
    feedback("load", str(file), status=1)
    rows = read(settings, Topics.of(settings).raw.name)
    assert len(rows) == 4
    assert len({(row.key, row.partition) for row in rows}) == 2


def test_a_source_stays_paused_until_it_is_resumed(feedback: Run, settings: Settings) -> None:
    feedback("topics", "--create")
    assert [item["state"] for item in shown(feedback("sources", "--json"))] == ["not running"]
    feedback("sources", "pause", "x")
    assert [item["state"] for item in shown(feedback("sources", "list", "--json"))] == ["paused"]
    feedback("sources", "resume", "x")
    assert [item["state"] for item in shown(feedback("sources", "--json"))] == ["not running"]
    assert "one of x" in feedback("sources", "pause", "nonsense", status=2).stderr


def dead(settings: Settings, offset: int, value: bytes, **fields: Any) -> tuple[bytes, bytes]:
    """Return a dead-letter record of a record of `raw`."""
    given: dict[str, Any] = {
        "topic": Topics.of(settings).raw.name,
        "partition": 2,
        "stage": "sentiment",
        "error": "InvalidRecord",
        "reason": "not JSON",
    } | fields
    letter = DeadLetter.of(
        offset=offset,
        key=b"k%d" % offset,
        value=value,
        attempts=1,
        failed_at="2026-03-01T00:00:00.000Z",
        **given,
    )
    return b"k%d" % offset, letter.encode()


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


def scored(id: str, score: float | None, *, kind: str = "create", first: bool = True) -> bytes:
    """Return a record of `scored`."""
    text = "" if kind == "delete" else f"text of {id}"
    given = Feedback(id=id, text=text, kind=kind, source="x")
    label = None if score is None else "negative" if score < 0.5 else "positive"
    return ScoredFeedback(feedback=given, score=score, label=label, first=first).encode()


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


def produce_at(settings: Settings, records: Sequence[tuple[str, bytes, float]]) -> None:
    """Produce into `scored`: id, value, and the time of the record in Unix seconds."""

    async def send() -> None:
        await ensure_topics(settings, Topics.of(settings))
        async with producer(settings) as client:
            for id, value, at in records:
                await client.send_and_wait(
                    Topics.of(settings).scored.name,
                    key=id.encode(),
                    value=value,
                    timestamp_ms=int(at * 1000),
                )

    run(send())


def test_a_replay_shows_nothing_of_what_was_deleted_after_its_time(
    feedback: Run, settings: Settings
) -> None:
    now = time.time()
    records = [
        ("x:1", scored("x:1", 0.1), now - 7200),
        ("x:2", scored("x:2", 0.1), now - 7200),
        ("x:1", scored("x:1", None, kind="delete", first=False), now - 600),
    ]
    produce_at(settings, records)
    found = shown(feedback("replay", "--from", "3h", "--to", "1h", "--json"))
    assert [alert["feedback_id"] for alert in found["alerts"]] == ["x:2"]
    assert (found["read"], found["counts"]["negative"]) == (2, 1)


def test_a_replay_that_cannot_ask_slack_is_one_line(
    feedback: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(settings, Topics.of(settings).scored.name, [(b"x:1", scored("x:1", 0.1))])
    monkeypatch.setenv("FEEDBACK_SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("FEEDBACK_SLACK_API_URL", "http://127.0.0.1:1/api/")
    result = feedback("replay", "--from", "1h", "--post", status=1)
    assert "Slack does not answer at http://127.0.0.1:1/api/" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("dead-letters", "list"),
        ("sources", "pause", "x"),
        ("replay", "--from", "1h"),
        ("rescore", "--from", "1h"),
    ],
)
def test_topics_that_are_missing_are_named_at_once(
    feedback: Run, settings: Settings, command: tuple[str, ...]
) -> None:
    result = feedback(*command, status=2)
    assert f"Kafka has no topic {settings.topic_prefix}" in result.stderr
    assert "feedback topics --create" in result.stderr


def test_another_partition_count_than_the_workers_is_named(
    feedback: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(settings, Topics.of(settings).scored.name, [])
    monkeypatch.setenv("FEEDBACK_PARTITIONS", str(PARTITIONS + 1))
    result = feedback("replay", "--from", "1h", status=2)
    assert "set FEEDBACK_PARTITIONS as the workers have it" in result.stderr


def test_a_replay_shows_what_would_have_alerted_and_posts_nothing(
    feedback: Run, settings: Settings, tmp_path: Path
) -> None:
    topics = Topics.of(settings)
    records = [
        ("x:1", scored("x:1", 0.1)),
        ("x:2", scored("x:2", 0.95)),
        ("x:3", scored("x:3", 0.2)),
        ("x:3", scored("x:3", None, kind="delete", first=False)),
    ]
    write(settings, topics.scored.name, [(id.encode(), value) for id, value in records])
    found = shown(feedback("replay", "--from", "1h", "--dry-run", "--json"))
    assert found["counts"] == {"negative": 1, "positive": 1}
    assert sorted(alert["feedback_id"] for alert in found["alerts"]) == ["x:1", "x:2"]
    assert read(settings, topics.alerts.name) == []

    rules = tmp_path / "new.toml"
    rules.write_text('[[rules]]\nid = "awful"\nchannel = "#x"\nbelow = 0.05\n')
    found = shown(feedback("replay", "--from", "1h", "--rules", str(rules), "--json"))
    assert found["counts"] == {"awful": 0}
    unknown = feedback("replay", "--from", "1h", "--rules", str(rules), "--post", status=2)
    assert "no worker has the rule awful for #x" in unknown.stderr
    nothing = ("replay", "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z", "--json")
    assert shown(feedback(*nothing))["read"] == 0
    text = feedback("replay", "--from", "1h").stdout
    assert "Nothing was posted." in text
    feedback("replay", "--from", "1h", "--post", "--dry-run", status=2)


def test_a_rescore_shows_what_another_model_would_change(feedback: Run, settings: Settings) -> None:
    topics = Topics.of(settings)
    raw = [(f"x:{n}".encode(), Feedback(id=f"x:{n}", text=f"text {n}").encode()) for n in range(40)]
    write(settings, topics.raw.name, raw)
    values = [(key, scored((key or b"").decode(), 0.01)) for key, _ in raw]
    write(settings, topics.scored.name, [*values, (b"x:0", scored("x:0", None, kind="delete"))])
    found = shown(feedback("rescore", "--json"))
    assert found["texts"] == 39
    counts = found["alerts"]["negative"]
    assert counts["before"] == 39
    assert counts["after"] == 39 - counts["gone"] + counts["new"]
    assert counts["gone"] > 0
    assert "39 texts" in feedback("rescore", "--model", "hashing").stdout
    assert read(settings, topics.alerts.name) == []


@pytest.mark.parametrize(
    "command", [("topics",), ("sources",), ("dead-letters", "list"), ("replay", "--from", "1h")]
)
def test_a_broker_that_is_away_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEEDBACK_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    result = CliRunner().invoke(program(), command)
    assert result.exit_code == 1
    assert "cannot reach Kafka at 127.0.0.1:1" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1

"""Topics, load and sources on a real broker, and what is said where it cannot be read."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from feedback_app.cli import program
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import Feedback
from tests.integration.cli.records import PARTITIONS, Run, read, shown, write


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

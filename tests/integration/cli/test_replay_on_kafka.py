"""Replay and rescore on a real broker."""

import time
from pathlib import Path

import pytest

from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import Feedback
from tests.integration.cli.records import Run, produce_at, read, scored, shown, write


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

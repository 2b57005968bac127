"""Replay and rescore: the result after a range of records."""

import random
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.alerting.rules import ResolvedRule
from feedback_app.cli.replay import Replayed, read_rules
from feedback_app.cli.rescore import SHOWN, Change, Changes, scores_of
from feedback_app.cli.retries import MAX_RETRIES
from feedback_app.cli.scan import Time
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.sentiment.classifier import ClassifierUnavailable, Probabilities, TextsRefused
from feedback_app.settings import ConfigurationError, Rule
from models import Feedback, ScoredFeedback

RULES = (
    ResolvedRule(Rule(id="negative", channel="#n", below=0.3), "#n"),
    ResolvedRule(Rule(id="positive", channel="#p", above=0.9), "#p"),
)


def row(id: str, score: float | None, *, kind: str = "create", first: bool = True) -> Row:
    feedback = Feedback(id=id, text="" if kind == "delete" else f"text of {id}", kind=kind)
    scored = ScoredFeedback(feedback=feedback, score=score, label="negative", first=first)
    return Row(0, 0, id.encode(), scored.encode(), 1000.0)


def alerts_after(*rows: Row) -> list[tuple[str, str]]:
    replayed = Replayed(RULES)
    replayed.apply(rows)
    return [(alert.rule, alert.feedback_id) for alert in replayed.alerts]


def test_scores_beyond_a_threshold_alert_once() -> None:
    rows = [row("a", 0.1), row("b", 0.5), row("c", 0.95), row("d", None), row("a", 0.1)]
    assert sorted(alerts_after(*rows)) == [("negative", "a"), ("positive", "c")]


def test_an_edit_moves_the_alert_and_a_deletion_ends_it() -> None:
    edit = row("a", 0.99, kind="edit", first=False)
    assert alerts_after(row("a", 0.1), edit) == [("positive", "a")]
    assert alerts_after(row("a", 0.1), row("a", None, kind="delete", first=False)) == []


def test_a_deletion_read_earlier_or_after_the_time_range_ends_it_too() -> None:
    gone = row("a", None, kind="delete", first=False)
    assert alerts_after(gone, row("a", 0.1)) == []
    replayed = Replayed(RULES)
    replayed.apply([row("a", 0.1), row("b", 0.2)])
    replayed.apply_deletions([gone, Row(0, 0, None, b"\xff", 0.0), row("c", 0.1)])
    assert [alert.feedback_id for alert in replayed.alerts] == ["b"]
    assert replayed.read == 2


def test_unreadable_records_are_counted_and_skipped() -> None:
    replayed = Replayed(RULES)
    replayed.apply([Row(0, 0, None, b"\xff", 0.0), row("a", 0.1)])
    assert (replayed.read, replayed.unreadable, len(replayed.alerts)) == (2, 1, 1)


def test_rules_of_a_file_replace_the_configured_ones(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rules]]\nid = "awful"\nchannel = "#x"\nbelow = 0.05\n')
    assert [rule.id for rule in read_rules(file)] == ["awful"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "rules = 5",
        '[rules]\nid = "a"\n',
        '[[rules]]\nid = "a"\nchannel = "#x"\n[[rules]]\nid = "a"\nchannel = "#y"\n',
        "not toml at all",
        '[[rules]]\nid = "a"\nchannel = "x"\n',
        '[[rules]]\nid = "a"\nchannel = "#x"\nbelow = 7\n',
    ],
)
def test_invalid_rules_are_one_line_that_names_the_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        read_rules(file)
    assert "rules.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_time_is_rfc_3339_or_a_duration_before_now() -> None:
    kind = Time()
    assert kind.convert("1970-01-01T00:01:00Z", None, None) == 60.0
    difference = kind.convert("1h", None, None) - kind.convert("2h", None, None)
    assert difference == pytest.approx(3600, abs=5)
    for bad in ("yesterday", "2026-01-01T00:00:00", "-1h", "90", ""):
        with pytest.raises(click.BadParameter):
            kind.convert(bad, None, None)


@pytest.mark.parametrize("long_ago", ["999999d", "9" * 400 + "d", "0001-01-01T00:00:00Z"])
def test_a_time_before_1970_is_the_first_that_kafka_accepts(long_ago: str) -> None:
    assert Time().convert(long_ago, None, None) == 0.0


def change(before: float, after: float) -> Change:
    return Change("t", before, after, "neutral", "negative")


def test_changes_by_another_model_are_counted_by_rule() -> None:
    changes = Changes(RULES)
    for before, after in ((0.5, 0.1), (0.1, 0.2), (0.95, 0.5), (0.5, 0.6)):
        changes.add(change(before, after), Feedback(id="1", text="t", source="x"))
    assert changes.texts == 4
    assert changes.alerts["negative"] == {"before": 1, "after": 2, "new": 1, "gone": 0}
    assert changes.alerts["positive"] == {"before": 1, "after": 0, "new": 0, "gone": 1}


def test_a_rule_for_one_source_counts_only_that_source() -> None:
    rule = Rule(id="only-x", channel="#x", below=0.3, source="x")
    changes = Changes((ResolvedRule(rule, "#x"),))
    changes.add(change(0.5, 0.1), Feedback(id="1", text="t", source="slack"))
    assert not any(changes.alerts["only-x"].values())
    changes.add(change(0.5, 0.1), Feedback(id="2", text="t", source="x"))
    assert changes.alerts["only-x"] == {"before": 0, "after": 1, "new": 1, "gone": 0}


@given(seed=st.integers(0, 50), count=st.integers(0, 1000))
def test_the_texts_shown_are_those_whose_scores_change_most(seed: int, count: int) -> None:
    chance = random.Random(seed)
    given = [change(chance.random(), chance.random()) for _ in range(count)]
    changes = Changes(RULES)
    for item in given:
        changes.add(item, Feedback(id="1", text="t", source="x"))
    changed_by = sorted((abs(item.after - item.before) for item in given), reverse=True)
    assert [abs(item.after - item.before) for item in changes.top()] == changed_by[:SHOWN]


SURE = Probabilities(0.1, 0.2, 0.7)


class Service:
    """A model service that always fails."""

    name = "service"
    languages = None

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.calls = 0

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        self.calls += 1
        raise self._error

    def close(self) -> None:
        pass


def test_a_text_that_a_service_rejects_has_no_score() -> None:
    service = Service(TextsRefused([SURE, None], {1: "too long"}))
    assert scores_of(service, ["a", "b"]) == [SURE, None]


def test_an_unreachable_service_is_a_transient_error_and_one_that_asks_to_wait_is_retried() -> None:
    busy = Service(ClassifierUnavailable("asks to wait", retry_after=0.0))
    with pytest.raises(TransientError, match="asks to wait"):
        scores_of(busy, ["a"])
    assert busy.calls == MAX_RETRIES + 1

    away = Service(ClassifierUnavailable("no answer"))
    with pytest.raises(TransientError, match="no answer"):
        scores_of(away, ["a"])
    assert away.calls == 1

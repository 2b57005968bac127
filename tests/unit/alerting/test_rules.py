"""Rules, and the stage that applies them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.alerts import handler
from feedback_app.alerting.rules import (
    TEXT_CHARACTERS,
    ResolvedRule,
    cut,
    operations,
    partition_of,
    resolve,
)
from feedback_app.hop import Item
from feedback_app.load_settings import load
from feedback_app.settings import Rule
from models import Alert, Feedback, ScoredFeedback
from models.alert import PUT, RETRACT, alert_id
from tests.support.clocks import HandClock

RULES = (
    ResolvedRule(Rule(id="negative", channel="#negative-feedback", below=0.3), "C0NEGATIVE"),
    ResolvedRule(Rule(id="positive", channel="#positive-feedback", above=0.9), "C0POSITIVE"),
)


def scored(score: float | None, first: bool = True, kind: str = "create") -> ScoredFeedback:
    """Return a scored feedback of the source `x`."""
    text = "" if kind == "delete" else "some words"
    feedback = Feedback(id="x:1", text=text, source="x", revision=3, kind=kind, author="@a")
    return ScoredFeedback(feedback=feedback, score=score, label=None, first=first)


def done(one: ScoredFeedback, rules: tuple[ResolvedRule, ...] = RULES) -> list[tuple[str, str]]:
    """Return (rule, operation) of each alert."""
    return [(alert.rule, alert.op) for alert in operations(one, rules, 0.0)]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.0, [("negative", PUT)]),
        (0.299, [("negative", PUT)]),
        (0.3, []),
        (0.5, []),
        (0.9, []),
        (0.901, [("positive", PUT)]),
        (None, []),
    ],
)
def test_a_first_revision_is_an_alert_beyond_a_threshold_only(
    score: float | None, expected: list[tuple[str, str]]
) -> None:
    assert done(scored(score)) == expected


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.1, [("negative", PUT), ("positive", RETRACT)]),
        (0.95, [("negative", RETRACT), ("positive", PUT)]),
        (0.5, [("negative", RETRACT), ("positive", RETRACT)]),
        (None, [("negative", RETRACT), ("positive", RETRACT)]),
    ],
)
def test_a_later_revision_says_something_of_every_rule(
    score: float | None, expected: list[tuple[str, str]]
) -> None:
    assert done(scored(score, first=False)) == expected


@pytest.mark.parametrize("first", [True, False])
def test_a_deletion_retracts_for_every_rule_and_carries_nothing(first: bool) -> None:
    found = operations(scored(None, first, kind="delete"), RULES, 0.0)
    assert [alert.op for alert in found] == [RETRACT, RETRACT]
    assert all(alert.text == "" and alert.author is None for alert in found)


def test_an_alert_id_does_not_depend_on_the_revision() -> None:
    first, later = operations(scored(0.1), RULES, 0.0)[0], scored(0.1, first=False)
    later.feedback.revision = 9
    assert operations(later, RULES, 0.0)[0].id == first.id == alert_id("negative", "x:1")


@pytest.mark.parametrize(
    ("rule", "scores"),
    [
        (Rule(id="band", channel="#c", below=0.6, above=0.4), [0.5]),
        (Rule(id="ends", channel="#c", below=0.4, above=0.6), [0.1, 0.9]),
        (Rule(id="all", channel="#c"), [0.1, 0.5, 0.9]),
        (Rule(id="mine", channel="#c", below=0.2, source="x"), [0.1]),
        (Rule(id="other", channel="#c", below=0.2, source="slack"), []),
    ],
)
def test_limits_and_sources(rule: Rule, scores: list[float]) -> None:
    assert [s for s in (0.1, 0.5, 0.9) if done(scored(s), (ResolvedRule(rule, "C"),))] == scores


@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_what_another_source_brings_later_takes_a_rules_alert_back(kind: str) -> None:
    # Two sources can bring one message, and an edit can make it another source's.
    rule = ResolvedRule(Rule(id="mine", channel="#c", below=0.2, source="slack"), "C")
    score = None if kind == "delete" else 0.1
    assert done(scored(score, first=False, kind=kind), (rule,)) == [("mine", RETRACT)]


def test_the_two_rules_of_the_settings() -> None:
    settings = load({})
    ids = {"#negative-feedback": "C0NEGATIVE", "#positive-feedback": "C0POSITIVE"}
    found = resolve(settings.rules, ids, 12)
    assert tuple(replace(rule, partition=None) for rule in found) == RULES
    assert [rule.rule.channel for rule in found] == list(ids)


@given(st.sampled_from(["#a", "#negative-feedback", "C0123456789"]), st.integers(1, 1000))
def test_a_channel_that_slack_comes_to_know_keeps_its_partition(name: str, count: int) -> None:
    rule = Rule(id="r", channel=name)
    (before,) = resolve([rule], {}, count)
    (after,) = resolve([rule], {name: "C0LATER"}, count)
    assert (before.channel, after.channel) == (name, "C0LATER")
    assert before.partition == after.partition == partition_of(name, count)
    assert partition_of(name, count) in range(count)


def test_a_long_text_is_cut_at_a_word() -> None:
    made = cut("word " * 2000)
    assert len(made) <= TEXT_CHARACTERS
    assert made.endswith("word…")
    assert len(cut("x" * 5000)) == TEXT_CHARACTERS
    assert cut("short") == "short"


async def test_the_stage_keys_its_output_by_the_channel() -> None:
    async def rules() -> tuple[ResolvedRule, ...]:
        return RULES

    carry = handler(rules, "alerts", HandClock(0.0))
    items = [
        Item("scored", 1, offset, b"x:1", 0.0, scored(score))
        for offset, score in enumerate((0.1, 0.5))
    ]
    loud, quiet = await carry(items)
    (output,) = loud.outputs
    assert (output.topic, output.key, output.partition) == ("alerts", b"C0NEGATIVE", None)
    assert Alert.decode(output.value).channel == "C0NEGATIVE"
    assert loud.counts == [("x", "alerted")]
    assert (list(quiet.outputs), quiet.counts) == ([], [("x", "quiet")])

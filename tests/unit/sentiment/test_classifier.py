"""Probabilities, their score and label, and the exceptions of the seam."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.classifier import Probabilities, TextsRefused

shares = st.floats(min_value=0.0, max_value=1.0, allow_nan=False)


@given(shares, shares, shares)
def test_a_score_is_within_bounds_and_turns_around_with_the_classes(
    a: float, b: float, c: float
) -> None:
    total = a + b + c or 1.0
    said = Probabilities(a / total, b / total, c / total)
    turned = Probabilities(said.positive, said.neutral, said.negative)
    assert 0.0 <= said.score <= 1.0
    if a + b + c:
        assert math.isclose(said.score + turned.score, 1.0, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("said", "score", "label"),
    [
        (Probabilities(1.0, 0.0, 0.0), 0.0, "negative"),
        (Probabilities(0.0, 1.0, 0.0), 0.5, "neutral"),
        (Probabilities(0.0, 0.0, 1.0), 1.0, "positive"),
        (Probabilities(0.5, 0.5, 0.0), 0.25, "neutral"),
        (Probabilities(0.5, 0.0, 0.5), 0.5, "positive"),
        (Probabilities(0.0, 0.2, 0.8000001), 0.9000001, "positive"),
    ],
)
def test_score_and_label(said: Probabilities, score: float, label: str) -> None:
    assert said.score == pytest.approx(score)
    assert said.label == label


def test_a_score_does_not_leave_its_bounds_by_rounding() -> None:
    assert Probabilities(0.0, 1e-9, 1.0).score == 1.0


def test_a_refusal_names_the_first_text_and_keeps_the_results() -> None:
    said = Probabilities(0.0, 1.0, 0.0)
    refused = TextsRefused([said, None], {1: "too odd"})
    assert str(refused) == "1 of 2 texts refused; text 1: too odd"
    assert refused.results == [said, None]

"""Probabilities, their score and label, and the exceptions of the interface."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.classifier import Probabilities, TextsRefused

shares = st.floats(min_value=0.0, max_value=1.0, allow_nan=False)


@given(shares, shares, shares)
def test_a_score_is_within_bounds_and_symmetric(a: float, b: float, c: float) -> None:
    total = a + b + c or 1.0
    probabilities = Probabilities(a / total, b / total, c / total)
    reversed_ = Probabilities(probabilities.positive, probabilities.neutral, probabilities.negative)
    assert 0.0 <= probabilities.score <= 1.0
    if a + b + c:
        assert math.isclose(probabilities.score + reversed_.score, 1.0, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("probabilities", "score", "label"),
    [
        (Probabilities(1.0, 0.0, 0.0), 0.0, "negative"),
        (Probabilities(0.0, 1.0, 0.0), 0.5, "neutral"),
        (Probabilities(0.0, 0.0, 1.0), 1.0, "positive"),
        (Probabilities(0.5, 0.5, 0.0), 0.25, "neutral"),
        (Probabilities(0.5, 0.0, 0.5), 0.5, "positive"),
        (Probabilities(0.0, 0.2, 0.8000001), 0.9000001, "positive"),
    ],
)
def test_score_and_label(probabilities: Probabilities, score: float, label: str) -> None:
    assert probabilities.score == pytest.approx(score)
    assert probabilities.label == label


def test_rounding_does_not_move_a_score_out_of_bounds() -> None:
    assert Probabilities(0.0, 1e-9, 1.0).score == 1.0


def test_a_refusal_names_the_first_text_and_carries_the_results() -> None:
    probabilities = Probabilities(0.0, 1.0, 0.0)
    refused = TextsRefused([probabilities, None], {1: "too odd"})
    assert str(refused) == "1 of 2 texts refused; text 1: too odd"
    assert refused.results == [probabilities, None]

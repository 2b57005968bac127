"""Metrics accumulated text by text equal those computed for the model card."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.quality import Quality, class_index
from training import metrics

shares = st.tuples(*[st.integers(min_value=1, max_value=1000)] * 3).filter(
    lambda three: len(set(three)) == 3
)


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2]), shares), max_size=40))
def test_the_metrics_agree_with_those_of_the_model_card(
    drawn: list[tuple[int, tuple[int, int, int]]],
) -> None:
    # One of each class, so that every recall is defined.
    drawn = [(label, (700, 200, 100)) for label in range(3)] + drawn
    rows = [[share / sum(three) for share in three] for _, three in drawn]
    quality = Quality()
    for (label, _), row in zip(drawn, rows, strict=True):
        quality.add(label, Probabilities(*row))
    probabilities = torch.tensor(rows, dtype=torch.float64)
    labels = torch.tensor([label for label, _ in drawn])
    predicted = probabilities.argmax(1)
    assert quality.texts == len(drawn)
    assert quality.accuracy == pytest.approx(float((predicted == labels).double().mean()))
    assert quality.macro_recall == pytest.approx(metrics.macro_recall(predicted, labels), abs=1e-6)
    expected = metrics.calibration_error(probabilities, labels)
    assert quality.calibration_error == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("negative", 0),
        ("positive", 2),
        (1, 1),
        (3, None),
        (-1, None),
        (True, None),
        ("Positive", None),
        (None, None),
        ([0], None),
    ],
)
def test_a_label_is_a_name_or_a_number(label: Any, expected: int | None) -> None:
    assert class_index(label) == expected

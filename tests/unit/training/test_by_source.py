"""Figures source by source."""

import pytest
import torch

from training import by_source
from training.data import Example

SURE = torch.tensor([[0.90, 0.05, 0.05], [0.05, 0.90, 0.05], [0.05, 0.05, 0.90]])


def test_every_source_has_its_own_figures() -> None:
    examples = [Example("", label, "good") for label in range(3)]
    examples += [Example("", label, "bad") for label in (1, 1, 2)]
    probabilities = torch.cat([SURE, SURE])
    found = by_source.measure(probabilities, examples)
    assert list(found) == ["good", "bad"]
    assert found["good"].macro_recall == 1.0
    assert found["bad"].macro_recall == pytest.approx((0.5 + 1.0) / 2)
    assert found["bad"].neutral_recall == 0.5
    # One score is below 0.3 in each, rightly in the first, wrongly in the second.
    assert found["good"].alert_precision == 1.0
    assert found["bad"].alert_precision == 0.0
    assert found["bad"].calibration_error > found["good"].calibration_error


def test_a_source_without_neutral_texts_is_judged_on_the_other_two() -> None:
    probabilities = torch.tensor([[0.4, 0.5, 0.1], [0.1, 0.5, 0.4]])
    one = by_source.figures(probabilities, torch.tensor([0, 2]))
    assert one.macro_recall == 1.0
    assert one.neutral_recall is None


def test_the_mean_counts_every_source_alike_and_skips_what_one_has_not() -> None:
    large = by_source.Figures(1000, 0.8, 0.6, 0.5, 0.5, 0.1)
    small = by_source.Figures(10, 0.6, None, 0.7, 0.5, 0.3)
    mean = by_source.mean({"large": large, "small": small})
    assert mean["macro_recall"] == pytest.approx(0.7)
    assert mean["neutral_recall"] == 0.6
    assert mean["calibration_error"] == pytest.approx(0.2)


def test_the_table_has_a_row_a_source_and_the_mean() -> None:
    rows = by_source.table({"stars": by_source.Figures(10, 0.6, None, 0.7, 0.5, 0.3)})
    assert rows[2] == "| stars | 10 | 0.600 |  | 0.700, 0.500 | 0.300 |"
    assert rows[-1].startswith("| mean of the sources |  | 0.600 |")

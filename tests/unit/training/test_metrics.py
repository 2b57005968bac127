"""Figures of a classifier."""

import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training import metrics, plot
from training.calibrate import fold, temperature_of


def test_macro_recall_counts_every_class_alike() -> None:
    labels = torch.tensor([0, 1, 1, 1, 1, 2])
    assert metrics.macro_recall(torch.ones(6).long(), labels) == pytest.approx(1 / 3)
    assert metrics.macro_recall(labels, labels) == 1.0


def test_score_runs_from_negative_over_neutral_to_positive() -> None:
    assert metrics.scores(torch.eye(3)).tolist() == [0.0, 0.5, 1.0]


def test_calibration_error_of_one_who_is_sure_and_half_right() -> None:
    probabilities = torch.tensor([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0]])
    assert metrics.calibration_error(probabilities, torch.tensor([0, 1])) == pytest.approx(0.4)


def test_precision_and_recall() -> None:
    chosen = torch.tensor([True, True, False, False])
    true = torch.tensor([True, False, True, True])
    assert metrics.precision_recall(chosen, true) == pytest.approx((1 / 2, 1 / 3))


@given(st.integers(0, 1000))
def test_bins_hold_every_text_once(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(50, 3, generator=generator).softmax(1)
    labels = torch.randint(3, (50,), generator=generator)
    bins = metrics.reliability(probabilities, labels)
    assert sum(part.count for part in bins) == 50
    assert 0 <= metrics.calibration_error(probabilities, labels) <= 1


def test_bootstrap_interval_holds_the_figure() -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(3, (400,), generator=generator)
    predicted = torch.where(torch.rand(400, generator=generator) < 0.7, labels, 1)
    low, high = metrics.bootstrap_interval(predicted, labels, draws=200)
    assert low < metrics.macro_recall(predicted, labels) < high
    assert high - low < 0.2


def test_temperature_undoes_overconfidence_and_keeps_the_decision() -> None:
    generator = torch.Generator().manual_seed(2)
    honest = torch.randn(4000, 3, generator=generator) * 1.5
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    temperature = temperature_of(honest * 2.5, labels)
    assert temperature == pytest.approx(2.5, abs=0.25)
    weights = {"classifier.weight": torch.ones(3, 4), "classifier.bias": torch.ones(3)}
    fold(weights, temperature)
    assert weights["classifier.bias"].tolist() == pytest.approx([1 / temperature] * 3)


def test_plot_is_well_formed_and_has_a_dot_a_filled_bin() -> None:
    bins = [metrics.Bin(0, 0.0, 0.0), metrics.Bin(10, 0.5, 0.4), metrics.Bin(5, 0.9, 1.0)]
    root = ET.fromstring(plot.calibration_svg(bins, 0.08))
    dots = [node for node in root.iter() if node.tag.endswith("circle")]
    assert len(dots) == 2
    assert "0.080" in "".join(root.itertext())

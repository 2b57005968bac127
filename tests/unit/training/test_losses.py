"""What a run minimises."""

import pytest
import torch

from training import losses, runs
from training.data import OWN, Example
from training.loop import Plan
from training.sources import Mixture

PLAN = Plan(epochs=1, batch=4, peak=0.1, layer_decay=1.0, dropout=0.0, seed=1)
EVEN = torch.full((1, 3), 1 / 3)


def test_balanced_loss_asks_less_of_a_frequent_class() -> None:
    labels = [0, 2, 2, 2, 1, 1]
    loss = losses.balanced(labels, losses.shares_overall(labels))
    values = loss(torch.zeros(6, 3), list(range(6)))
    assert values[0] > values[4] > values[1]


def test_with_even_shares_the_balanced_loss_is_the_plain_one() -> None:
    labels, logits = [0, 2], torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.5, 0.1]])
    even = losses.balanced(labels, EVEN.expand(2, 3))
    assert torch.allclose(even(logits, [0, 1]), losses.plain(labels)(logits, [0, 1]))


def test_shares_are_those_of_the_texts_own_source() -> None:
    labels = [0] * 900 + [1] * 100 + [2] * 1000
    shares = losses.shares_by_source(labels, ["a"] * 1000 + ["b"] * 1000)
    assert shares[0].tolist() == pytest.approx([0.848, 0.121, 0.030], abs=0.001)
    assert shares[-1][2] > 0.9
    assert torch.allclose(shares.sum(1), torch.ones(2000))


def test_a_source_without_neutral_texts_hardly_speaks_against_neutral() -> None:
    labels = [0] * 3000 + [2] * 3000
    logits = torch.zeros(6000, 3, requires_grad=True)
    shares = losses.shares_by_source(labels, ["stars"] * 6000)
    losses.balanced(labels, shares)(logits, list(range(6000))).mean().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    push = logits.grad.sum(0)
    assert 0 < float(push[1]) < 0.01


def test_smoothing_pulls_to_the_shares_and_so_to_no_class() -> None:
    labels, shares = [0], torch.tensor([[0.7, 0.2, 0.1]])
    wholly = losses.balanced(labels, shares, smoothing=1.0)
    logits = torch.zeros(1, 3, requires_grad=True)
    wholly(logits, [0]).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.allclose(logits.grad, torch.zeros(1, 3), atol=1e-6)


def test_a_text_weighs_as_its_source() -> None:
    loss = losses.balanced([1, 1], EVEN.expand(2, 3), weights=[1.0, 0.25])
    whole, quarter = loss(torch.zeros(2, 3), [0, 1]).tolist()
    assert quarter == pytest.approx(whole / 4)


def test_own_words_are_not_balanced_with_the_others() -> None:
    examples = [Example("x", 2, "a")] * 8 + [Example("y", 0, "a"), Example("z", 1, "a")]
    examples += [Example("own", label, OWN) for label in range(3)]
    recipe = runs.Recipe(PLAN, Mixture(), balance=runs.OVERALL)
    values = runs.hard_loss(examples, recipe)(torch.zeros(13, 3), list(range(13)))
    assert values[8] > values[10]
    assert torch.allclose(values[10:], torch.full((3,), float(torch.tensor(3.0).log())))


def test_a_text_without_a_teacher_learns_from_its_label_alone() -> None:
    hard = losses.plain([0, 1])
    teacher = torch.tensor([[3.0, 0.0, 0.0], [float("nan")] * 3])
    logits = torch.tensor([[3.0, 0.0, 0.0], [0.5, 0.1, 0.0]])
    loss = losses.distilled(hard, teacher, soft=0.8)(logits, [0, 1])
    expected = hard(logits, [0, 1])
    assert loss[1] == pytest.approx(float(expected[1]))
    # In agreement with its teacher, only the part of the label is left.
    assert loss[0] == pytest.approx(0.2 * float(expected[0]), abs=1e-5)

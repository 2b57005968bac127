"""Optimiser, batches, losses and the loop that a run can be cut off and resumed in."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from training import loop, network
from training.losses import Loss
from training.optimiser import MasterAdamW, Schedule, depth

PLAN = loop.Plan(epochs=2, batch=4, peak=0.05, layer_decay=1.0, dropout=0.0, seed=3, average=0.9)


class Bag(nn.Module):
    """Logits from the sum of the embeddings of a text."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(10, 3)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        out: Tensor = (self.embedding(ids) * mask.unsqueeze(-1)).sum(1)
        return out


class Texts:
    """Forty texts of one to four tokens whose class is the first token modulo 3."""

    def __init__(self) -> None:
        rng = random.Random(5)
        self.ids = [[rng.randrange(10) for _ in range(rng.randint(1, 4))] for _ in range(40)]
        self.labels = torch.tensor([text[0] % 3 for text in self.ids])
        self.given = 0

    def epoch(self, number: int) -> list[Callable[[], network.Batch]]:
        parts = loop.batches([len(text) for text in self.ids], 4, random.Random(number))

        def batch(part: list[int]) -> network.Batch:
            self.given += 1
            return network.Batch(*network.pad([self.ids[at] for at in part], 0), part)

        return [lambda part=part: batch(part) for part in parts]  # type: ignore[misc]

    def loss(self, logits: Tensor, positions: list[int]) -> Tensor:
        return nn.functional.cross_entropy(logits, self.labels[positions], reduction="none")


def run(checkpoint: Path, texts: Texts, loss: Loss) -> dict[str, Tensor]:
    model = Bag()
    optimiser = MasterAdamW(model, 0, 1.0, 0.0, average=PLAN.average)
    loop.fit(model, optimiser, texts, PLAN, loss, checkpoint, lambda epoch: "")
    return optimiser.result()


@given(st.lists(st.integers(1, 50), max_size=200), st.integers(1, 16))
def test_batches_hold_every_text_once(lengths: list[int], size: int) -> None:
    parts = loop.batches(lengths, size, random.Random(1), pool=4)
    assert sorted(at for part in parts for at in part) == list(range(len(lengths)))
    assert all(len(part) <= size for part in parts)


def test_a_run_learns(tmp_path: Path) -> None:
    texts = Texts()
    losses: list[float] = []

    def loss(logits: Tensor, positions: list[int]) -> Tensor:
        losses.append(texts.loss(logits, positions).mean().item())
        return texts.loss(logits, positions)

    run(tmp_path / "checkpoint.pt", texts, loss)
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_a_run_cut_off_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole.pt", Texts(), Texts().loss)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    texts = Texts()

    def failing(logits: Tensor, positions: list[int]) -> Tensor:
        if texts.given == 14:
            raise KeyboardInterrupt
        return texts.loss(logits, positions)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.pt", texts, failing)
    assert texts.given == 14
    resumed = run(tmp_path / "cut.pt", texts, texts.loss)
    assert texts.given == 21
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_rate_rises_then_falls_to_nothing() -> None:
    schedule = Schedule(peak=1.0, steps=100, warmup=0.1)
    rates = [schedule.at(step) for step in range(100)]
    assert rates[9] == 1.0 == max(rates)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.bert.encoder.layer.5.output.dense.weight", 1),
        ("model.bert.encoder.layer.0.output.dense.weight", 6),
        ("model.bert.embeddings.word_embeddings.weight", 7),
        ("model.classifier.weight", 0),
        ("model.bert.pooler.dense.weight", 0),
    ],
)
def test_depth_below_the_head(name: str, expected: int) -> None:
    assert depth(name, layers=6) == expected


def test_steps_too_small_for_the_network_add_up_in_the_masters() -> None:
    model = nn.Linear(1, 1, bias=False).bfloat16()
    nn.init.constant_(model.weight, 1.0)
    optimiser = MasterAdamW(model, 0, 1.0, 0.0)
    for step in range(40):
        model.weight.grad = torch.ones_like(model.weight)
        optimiser.step(1e-4, step)
        if step == 0:
            assert model.weight.item() == 1.0
    assert optimiser.masters[0].item() == pytest.approx(1 - 40e-4, abs=2e-4)
    assert model.weight.item() < 1.0


def test_pooled_dropout_drops_its_share_and_keeps_the_mean() -> None:
    pool = network.PooledDropout.make_pool(0.25, torch.float32, seed=1)
    layer = network.PooledDropout(0.25, pool)
    x = torch.ones(200, 500)
    dropped = layer.train()(x)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(layer.eval()(x), x)

"""The runs: teacher and student, each a network, a loss and a feed of text."""

import json
import random
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from feedback_app.sentiment.normalise import normalise
from training import by_source, losses
from training.augment import augment
from training.data import OWN, VAL, Example
from training.loop import Feed, Plan, fit, predict
from training.losses import Loss
from training.network import classifier_network, padding_of, tokenizer_of
from training.optimiser import MasterAdamW
from training.sources import Mixture, family, mixed, weights_of

OVERALL, SOURCE = "overall", "source"


@dataclass(frozen=True)
class Recipe:
    """What a run trains on, for how long, and what it minimises.

    Attributes:
        plan: epochs and rates.
        mixture: how much of each source.
        balance: `source`: class shares are balanced within each source; `overall`: over all text.
        smoothing: label smoothing.
        soft: weight of the teacher where there is one.
        noise: share of the texts that are noisy in all epochs but the last.
    """

    plan: Plan
    mixture: Mixture = field(default_factory=Mixture)
    balance: str = SOURCE
    smoothing: float = 0.0
    soft: float = 0.7
    noise: float = 0.0


def hard_loss(examples: Sequence[Example], recipe: Recipe) -> Loss:
    """Return the loss by the labels."""
    labels = [example.label for example in examples]
    if recipe.balance == SOURCE:
        shares = losses.shares_by_source(labels, [family(example.source) for example in examples])
    else:
        # Our own words have even classes already.
        shares = torch.full((len(labels), 3), 1 / 3)
        others = [at for at, example in enumerate(examples) if example.source != OWN]
        shares[others] = losses.shares_overall([labels[at] for at in others])
    weights = weights_of(examples, recipe.mixture)
    return losses.balanced(labels, shares, recipe.smoothing, weights)


def encoder_layers(weights: Path) -> int:
    """Return how many layers the encoder has, from its configuration."""
    layers: int = json.loads((weights / "config.json").read_text())["num_hidden_layers"]
    return layers


def _figures(logits: Tensor, watched: Sequence[Example]) -> dict[str, Any]:
    found = by_source.measure(logits.softmax(1), watched)
    others = {source: one for source, one in found.items() if source != VAL}
    return {
        "val_macro_recall": found[VAL].macro_recall if VAL in found else None,
        "mean": by_source.mean(others) if others else {},
        "sources": {source: asdict(one) for source, one in found.items()},
    }


def train(
    name: str,
    weights: Path,
    examples: Sequence[Example],
    watched: Sequence[Example],
    recipe: Recipe,
    work: Path,
    teacher: Tensor | None = None,
    start: Path | None = None,
) -> Path:
    """Train a classifier and write its weights, its logits and its figures to `work / name`.

    A run that is there already, to its end, is not trained again.

    Args:
        name: of the run.
        weights: directory with the network to start from and its tokenizer.
        examples: the training text.
        watched: text that the figures after each epoch are of, source by source.
        recipe: what to minimise, and for how long.
        work: folder of the runs.
        teacher: logits (texts, 3), NaN for a text that has none; None: labels alone.
        start: folder of an earlier run to go on from.
    """
    folder, plan = work / name, recipe.plan
    told = folder / "run.json"
    if told.exists() and json.loads(told.read_text())["recipe"] == asdict(recipe):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_of(weights, plan.max_length)
    padding = padding_of(tokenizer)
    network = classifier_network(weights, plan.dropout, plan.seed)
    if start is not None:
        network.load_state_dict(torch.load(start / "weights.pt", weights_only=True))
    optimiser = MasterAdamW(
        network,
        encoder_layers(weights),
        plan.layer_decay,
        plan.weight_decay,
        average=plan.average,
    )
    watched_texts = [normalise(example.text) for example in watched]
    epochs_file = folder / "epochs.json"
    epochs: list[dict[str, Any]] = (
        json.loads(epochs_file.read_text()) if epochs_file.exists() else []
    )

    def after_epoch(epoch: int) -> str:
        trained = {key: value.to(torch.bfloat16) for key, value in network.state_dict().items()}
        network.load_state_dict(optimiser.result(), strict=False)
        logits = predict(network, tokenizer, padding, watched_texts)
        network.load_state_dict(trained)
        torch.save(logits, folder / "logits.pt")
        # A run cut off between this and its checkpoint comes here twice for one epoch.
        epochs[epoch:] = [_figures(logits, watched)]
        epochs_file.write_text(json.dumps(epochs))
        last = epochs[-1]
        return f"{name}: epoch {epoch + 1}, val {last['val_macro_recall']}, mean {last['mean']}"

    texts = [normalise(example.text) for example in examples]

    def texts_of_epoch(epoch: int) -> list[str]:
        if epoch + 1 == plan.epochs or not recipe.noise:
            return texts
        rng = random.Random(f"noise {plan.seed} {epoch}")  # noqa: S311
        return [augment(text, rng) if rng.random() < recipe.noise else text for text in texts]

    hard = hard_loss(examples, recipe)
    loss = hard if teacher is None else losses.distilled(hard, teacher, recipe.soft)
    feed = Feed(tokenizer, padding, plan, texts_of_epoch)
    seconds = fit(network, optimiser, feed, plan, loss, folder / "checkpoint.pt", after_epoch)
    torch.save(optimiser.result(), folder / "weights.pt")
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    made = {
        "name": name,
        "recipe": asdict(recipe),
        "texts": len(examples),
        "epochs": epochs,
        "seconds": seconds,
    }
    told.write_text(json.dumps(made, indent=1) + "\n")
    return folder


def mean_of(folders: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean of the weights of runs that started from the same weights, float32."""
    parts = [torch.load(folder / "weights.pt", weights_only=True) for folder in folders]
    return {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}


def leave_out(
    train_text: Sequence[Example],
    extra_val: Sequence[Example],
    left_out: Collection[str],
    weights: Path,
    recipe: Recipe,
    work: Path,
    name: str,
    start: Path | None = None,
    most: int = 1200,
) -> Path:
    """Train without some sources and measure on them, their training text included.

    Args:
        train_text: all training text, uncapped.
        extra_val: validation text with its sources.
        left_out: sources to leave out.
        weights: directory with the network to start from.
        recipe: of the run.
        work: folder of the runs.
        name: of the run.
        start: see `train`.
        most: at most so many training texts of a left-out source are measured on.
    """
    unseen = [example for example in train_text if family(example.source) in left_out]
    caps = dict.fromkeys(left_out, most)
    watched = [example for example in extra_val if family(example.source) in left_out]
    watched += mixed(unseen, Mixture(caps))
    examples = mixed(train_text, recipe.mixture, left_out)
    return train(name, weights, examples, watched, recipe, work, start=start)

"""The runs: yardstick, teacher and student, each with its network, loss and text."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from feedback_app.sentiment.normalise import normalise
from training.augment import augment
from training.data import Corpus, Example, class_shares
from training.loop import Feed, Plan, fit, predict
from training.metrics import macro_recall
from training.network import (
    padding_of,
    student_network,
    teacher_network,
    tokenizer_of,
)
from training.optimiser import MasterAdamW

YARDSTICK = Plan(epochs=3, batch=64, peak=7e-5, layer_decay=1.0, dropout=0.1, seed=1)
TEACHER = Plan(epochs=2, batch=64, peak=4e-5, layer_decay=0.9, dropout=0.1, seed=1, last=0.4)
WARM_UP = Plan(
    epochs=2, batch=64, peak=1.5e-4, layer_decay=0.9, dropout=0.1, seed=100, average=0.999
)
STUDENT = Plan(epochs=2, batch=64, peak=1e-4, layer_decay=0.9, dropout=0.1, seed=1, average=0.999)

TEMPERATURE = 1.5
"""Softens the distributions of teacher and student in the distillation loss."""
SOFT = 0.7
"""Weight of the divergence from the teacher; the labels have the rest."""

Loss = Callable[[Tensor, list[int]], Tensor]


def class_balanced(labels: list[int], even: int = 0) -> Loss:
    """Return a cross entropy with logit adjustment for class imbalance.

    The log priors of the classes are added to the logits in training only, so the network decides
    as if the three classes were equally frequent.

    Args:
        labels: class of each text.
        even: how many texts at the end are balanced already and not adjusted.
    """
    adjusted = len(labels) - even
    shifts = torch.zeros(len(labels), 3)
    shifts[:adjusted] = torch.tensor(class_shares(labels[:adjusted])).log()
    known = torch.tensor(labels)

    def loss(logits: Tensor, positions: list[int]) -> Tensor:
        return F.cross_entropy(logits + shifts[positions], known[positions], reduction="none")

    return loss


def plain(labels: list[int]) -> Loss:
    """Return the plain cross entropy."""
    known = torch.tensor(labels)
    return lambda logits, positions: F.cross_entropy(logits, known[positions], reduction="none")


def distilled(hard: Loss, teacher: Tensor, soft: float) -> Loss:
    """Return the distillation loss: KL divergence from the teacher, mixed with a label loss.

    Args:
        hard: the label loss.
        teacher: logits (texts, 3); a row of NaN leaves its text to the label loss alone.
        soft: weight of the divergence, 0 to 1; the label loss has the rest.
    """
    weights = (~teacher.isnan().any(1)).float() * soft
    softened = F.softmax(teacher.nan_to_num() / TEMPERATURE, dim=1)

    def loss(logits: Tensor, positions: list[int]) -> Tensor:
        divergence = F.kl_div(
            F.log_softmax(logits / TEMPERATURE, dim=1), softened[positions], reduction="none"
        ).sum(1)
        weight = weights[positions]
        return weight * divergence * TEMPERATURE**2 + (1 - weight) * hard(logits, positions)

    return loss


def encoder_layers(weights: Path) -> int:
    """Return the number of layers of the encoder, from its configuration."""
    layers: int = json.loads((weights / "config.json").read_text())["num_hidden_layers"]
    return layers


def train(
    name: str,
    network: nn.Module,
    weights: Path,
    texts_of_epoch: Callable[[int], list[str]],
    val: list[Example],
    prepare: Callable[[str], str],
    loss: Loss,
    plan: Plan,
    work: Path,
) -> Path:
    """Train a network and write its weights, validation logits and figures to `work / name`.

    A finished run of the same plan is not repeated.
    """
    folder = work / name
    figures = folder / "run.json"
    if figures.exists() and json.loads(figures.read_text())["plan"] == vars(plan):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_of(weights, plan.max_length)
    padding = padding_of(tokenizer)
    layers = encoder_layers(weights)
    optimiser = MasterAdamW(
        network, layers, plan.layer_decay, plan.weight_decay, average=plan.average
    )
    val_texts = [prepare(example.text) for example in val]
    val_labels = torch.tensor([example.label for example in val])
    recalls_file = folder / "recalls.json"
    recalls: list[float] = json.loads(recalls_file.read_text()) if recalls_file.exists() else []

    def after_epoch(epoch: int) -> str:
        trained = {key: value.to(torch.bfloat16) for key, value in network.state_dict().items()}
        network.load_state_dict(optimiser.result(), strict=False)
        logits = predict(network, tokenizer, padding, val_texts)
        network.load_state_dict(trained)
        torch.save(logits, folder / "val-logits.pt")
        torch.save(optimiser.result(), folder / f"weights-{epoch + 1}.pt")
        # A run interrupted before its checkpoint repeats the epoch.
        recalls[epoch:] = [macro_recall(logits.argmax(1), val_labels)]
        recalls_file.write_text(json.dumps(recalls))
        return f"{name}: val macro recall {recalls[-1]:.4f} after epoch {epoch + 1}"

    feed = Feed(tokenizer, padding, plan, texts_of_epoch)
    seconds = fit(network, optimiser, feed, plan, loss, folder / "checkpoint.pt", after_epoch)
    torch.save(optimiser.result(), folder / "weights.pt")
    made = {"name": name, "plan": vars(plan), "val_macro_recall": recalls, "seconds": seconds}
    figures.write_text(json.dumps(made, indent=1) + "\n")
    return folder


def yardstick(data: Corpus, weights: Path, work: Path) -> Path:
    """Fine-tune the student's base for three epochs as the baseline."""
    texts = [example.text for example in data.train]
    return train(
        f"yardstick-{YARDSTICK.seed}",
        student_network(weights, YARDSTICK.dropout, YARDSTICK.seed),
        weights,
        lambda epoch: texts,
        data.val,
        str,
        plain([example.label for example in data.train]),
        YARDSTICK,
        work,
    )


def teacher(data: Corpus, weights: Path, work: Path) -> Path:
    """Fine-tune the teacher."""
    texts = [normalise(example.text) for example in data.train]
    return train(
        f"teacher-{TEACHER.seed}",
        teacher_network(weights, TEACHER.dropout, TEACHER.seed),
        weights,
        lambda epoch: texts,
        data.val,
        normalise,
        class_balanced([example.label for example in data.train]),
        TEACHER,
        work,
    )


def logits_of(network: nn.Module, weights: Path, run: Path, examples: list[Example]) -> Tensor:
    """Return the logits (texts, 3) of a network with the weights of a run."""
    network.load_state_dict(torch.load(run / "weights.pt", weights_only=True), strict=False)
    tokenizer = tokenizer_of(weights, TEACHER.max_length)
    texts = [normalise(example.text) for example in examples]
    return predict(network, tokenizer, padding_of(tokenizer), texts)


def student(
    data: Corpus,
    teacher: Tensor | None,
    weights: Path,
    work: Path,
    plan: Plan,
    start: Path | None = None,
) -> Path:
    """Train the student, on noisy text except in the last epoch.

    Args:
        data: the texts.
        teacher: logits (texts, 3) for the training text and then our own feedback; None for the
            labels alone.
        weights: directory with the network and its tokenizer.
        work: folder of the runs.
        plan: rates and epochs.
        start: folder of the run whose weights to start from.
    """
    examples = data.train + data.own
    texts = [normalise(example.text) for example in examples]
    hard = class_balanced([example.label for example in examples], even=len(data.own))

    def texts_of_epoch(epoch: int) -> list[str]:
        if epoch + 1 == plan.epochs:
            return texts
        rng = random.Random(f"noise {plan.seed} {epoch}")  # noqa: S311
        return [augment(text, rng) if rng.random() < 0.75 else text for text in texts]

    network = student_network(weights, plan.dropout, plan.seed)
    if start is not None:
        network.load_state_dict(torch.load(start / "weights.pt", weights_only=True))
    return train(
        f"student-{plan.seed}",
        network,
        weights,
        texts_of_epoch,
        data.val,
        normalise,
        hard if teacher is None else distilled(hard, teacher, SOFT),
        plan,
        work,
    )

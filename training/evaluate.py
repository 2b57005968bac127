"""Evaluates a weights directory on labelled text, for the model card."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from feedback_app.sentiment.normalise import normalise
from training import metrics
from training.data import Example
from training.loop import predict
from training.network import LABELS, FirstToken, padding_of, tokenizer_of

_NEGATION = re.compile(r"\b(?:not?|never|none|nothing|cannot|\w+n'?t)\b", re.IGNORECASE)
_CONTRAST = re.compile(r"\b(?:but|however|although|though|yet)\b", re.IGNORECASE)

SLICES: dict[str, Callable[[str], bool]] = {
    "with a negation": lambda text: bool(_NEGATION.search(text)),
    "with a contrast (but, though)": lambda text: bool(_CONTRAST.search(text)),
    "with a question mark": lambda text: "?" in text,
    "with a hashtag": lambda text: "#" in text,
    "with a user name": lambda text: "@user" in text,
    "shorter than 60 characters": lambda text: len(text) < 60,
}

# Weak spots that the labelled text hardly covers, in texts of our own.
PROBES: dict[str, tuple[str, ...]] = {
    "sarcasm": (
        "Oh great, the server is down again. Best Monday ever.",
        "Five stars for deleting my work, truly.",
        "Love paying extra for features that used to be free.",
    ),
    "negation": (
        "I would not say that it is bad.",
        "It's not that I dislike it.",
        "Hardly a day without an error.",
    ),
    "mixed": (
        "The design is lovely and the performance is dreadful.",
        "Half of it is brilliant, the other half never worked.",
    ),
    "emoji only": ("😡", "🎉🎉", "🤷", "😐"),
    "another language": (
        "Das Programm stürzt ständig ab.",
        "Me encanta esta aplicación.",
        "C'est nul.",
    ),
    "nothing to go by": ("", "https://example.com", "@user", "..."),
}


@dataclass(frozen=True)
class Measured:
    """The probabilities of a model (texts, 3) and the true labels (texts,)."""

    probabilities: Tensor
    labels: Tensor

    @property
    def predicted(self) -> Tensor:
        """Return the most probable class of each text."""
        return self.probabilities.argmax(1)

    def first(self, count: int) -> "Measured":
        """Return what was measured of the first texts."""
        return Measured(self.probabilities[:count], self.labels[:count])


def probabilities_of(weights: Path, texts: Sequence[str]) -> Tensor:
    """Return probabilities (texts, 3), float32, of normalised text by the library's model."""
    model = AutoModelForSequenceClassification.from_pretrained(weights, dtype=torch.float32)
    tokenizer = tokenizer_of(weights, 256)
    prepared = [normalise(text) for text in texts]
    padding = padding_of(tokenizer)
    return predict(FirstToken(model), tokenizer, padding, prepared).softmax(1)


def measure(weights: Path, examples: Sequence[Example]) -> Measured:
    """Score the examples with the model of a directory."""
    return Measured(
        probabilities_of(weights, [example.text for example in examples]),
        torch.tensor([example.label for example in examples]),
    )


def _by_label(measured: Measured) -> list[str]:
    rows = ["| label | texts | precision | recall | F1 |", "|---|---|---|---|---|"]
    for label, name in enumerate(LABELS):
        true = measured.labels == label
        precision, recall = metrics.precision_recall(measured.predicted == label, true)
        harmonic = 2 * precision * recall / max(1e-9, precision + recall)
        rows.append(
            f"| {name} | {int(true.sum())} | {precision:.3f} | {recall:.3f} | {harmonic:.3f} |"
        )
    return rows


def _confusions(measured: Measured) -> list[str]:
    rows = ["| truly \\ predicted | " + " | ".join(LABELS) + " |", "|---|---|---|---|"]
    for label, name in enumerate(LABELS):
        row = measured.predicted[measured.labels == label].bincount(minlength=3).tolist()
        rows.append(f"| {name} | " + " | ".join(str(count) for count in row) + " |")
    return rows


def _by_slice(measured: Measured, examples: Sequence[Example]) -> list[str]:
    rows = ["| texts | count | accuracy |", "|---|---|---|"]
    right = measured.predicted == measured.labels
    for name, belongs in SLICES.items():
        chosen = torch.tensor([belongs(example.text) for example in examples])
        if chosen.any():
            accuracy = float(right[chosen].float().mean())
            rows.append(f"| {name} | {int(chosen.sum())} | {accuracy:.3f} |")
    return rows


def _probes(weights: Path) -> list[str]:
    rows = ["| kind | text | score | label |", "|---|---|---|---|"]
    flat = [(kind, text) for kind, texts in PROBES.items() for text in texts]
    probabilities = probabilities_of(weights, [text for _, text in flat])
    for (kind, text), score, best in zip(
        flat,
        metrics.scores(probabilities).tolist(),
        probabilities.argmax(1).tolist(),
        strict=True,
    ):
        rows.append(f"| {kind} | {text or '(empty)'} | {score:.2f} | {LABELS[best]} |")
    return rows


def report(weights: Path, examples: Sequence[Example], measured: Measured) -> str:
    """Return the figures as Markdown, the same on every run."""
    score = metrics.scores(measured.probabilities)
    low, high = metrics.bootstrap_interval(measured.predicted, measured.labels)
    recall = metrics.macro_recall(measured.predicted, measured.labels)
    error = metrics.calibration_error(measured.probabilities, measured.labels)
    accuracy = float((measured.predicted == measured.labels).float().mean())
    alerts = [
        ("score < 0.3, truly negative", score < metrics.NEGATIVE_BELOW, measured.labels == 0),
        ("score > 0.9, truly positive", score > metrics.POSITIVE_ABOVE, measured.labels == 2),
    ]
    lines = [
        "| figure | value |",
        "|---|---|",
        f"| macro recall | {recall:.4f} (95 % of bootstrap samples: {low:.3f} to {high:.3f}) |",
        f"| accuracy | {accuracy:.4f} |",
        f"| expected calibration error, 15 bins | {error:.4f} |",
    ]
    for name, chosen, true in alerts:
        precision, found = metrics.precision_recall(chosen, true)
        lines.append(f"| {name}: precision, recall | {precision:.3f}, {found:.3f} |")
    sections = [
        ("By label", _by_label(measured)),
        ("Confusions", _confusions(measured)),
        ("By kind of text", _by_slice(measured, examples)),
        ("Known weak spots, in texts written for this card", _probes(weights)),
    ]
    for title, rows in sections:
        lines += ["", f"### {title}", "", *rows]
    return "\n".join(lines) + "\n"

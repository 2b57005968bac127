"""Figures of a classifier source by source: what the mean over all text hides."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from training import metrics
from training.data import Example
from training.sources import family


@dataclass(frozen=True)
class Figures:
    """Figures on the texts of one source; None where it has no text of that class."""

    texts: int
    macro_recall: float
    neutral_recall: float | None
    alert_precision: float
    alert_recall: float
    calibration_error: float


def figures(probabilities: Tensor, labels: Tensor) -> Figures:
    """Return the figures of probabilities (texts, 3) held against labels.

    Macro recall is the mean over the classes that the source has; for a source without neutral
    texts the prediction is the likelier of the other two.
    """
    present = [label for label in range(3) if (labels == label).any()]
    predicted = probabilities.argmax(1)
    if 1 not in present:
        predicted = torch.where(probabilities[:, 2] > probabilities[:, 0], 2, 0)
    recalls = {
        label: float((predicted[labels == label] == label).float().mean()) for label in present
    }
    alert = metrics.scores(probabilities) < metrics.NEGATIVE_BELOW
    precision, recall = metrics.precision_recall(alert, labels == 0)
    return Figures(
        len(labels),
        sum(recalls.values()) / len(recalls),
        recalls.get(1),
        precision,
        recall,
        metrics.calibration_error(probabilities, labels),
    )


def measure(probabilities: Tensor, examples: Sequence[Example]) -> dict[str, Figures]:
    """Return the figures of each source of the examples, in the order of their first text."""
    sources = [family(example.source) for example in examples]
    labels = torch.tensor([example.label for example in examples])
    found = {}
    for source in dict.fromkeys(sources):
        rows = torch.tensor([other == source for other in sources])
        found[source] = figures(probabilities[rows], labels[rows])
    return found


def mean(found: Mapping[str, Figures]) -> dict[str, float]:
    """Return the mean of each figure over the sources that have it, every source alike."""
    rows = [asdict(one) for one in found.values()]
    names = [name for name in rows[0] if name != "texts"]
    kept = {name: [row[name] for row in rows if row[name] is not None] for name in names}
    return {name: sum(values) / len(values) for name, values in kept.items() if values}


def table(found: Mapping[str, Figures]) -> list[str]:
    """Return the figures as rows of a Markdown table, the mean over the sources last."""
    rows = [
        "| source | texts | macro recall | recall of neutral "
        "| score < 0.3, truly negative: precision, recall | ECE |",
        "|---|---|---|---|---|---|",
    ]

    def row(name: str, texts: object, one: Mapping[str, float | None]) -> str:
        neutral = one.get("neutral_recall")
        return (
            f"| {name} | {texts} | {one['macro_recall']:.3f} "
            f"| {'' if neutral is None else f'{neutral:.3f}'} "
            f"| {one['alert_precision']:.3f}, {one['alert_recall']:.3f} "
            f"| {one['calibration_error']:.3f} |"
        )

    rows += [row(source, one.texts, asdict(one)) for source, one in found.items()]
    rows.append(row("mean of the sources", "", mean(found)))
    return rows

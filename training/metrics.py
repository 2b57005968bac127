"""Figures of a classifier on labelled text."""

from dataclasses import dataclass

import torch
from torch import Tensor

NEGATIVE_BELOW = 0.3
POSITIVE_ABOVE = 0.9


def macro_recall(predicted: Tensor, labels: Tensor) -> float:
    """Return the mean recall of the three classes."""
    recalls = [(predicted[labels == label] == label).float().mean() for label in range(3)]
    return float(torch.stack(recalls).mean())


def scores(probabilities: Tensor) -> Tensor:
    """Return P(positive) + P(neutral) / 2 of probabilities (texts, 3)."""
    return probabilities[:, 2] + probabilities[:, 1] / 2


@dataclass(frozen=True)
class Bin:
    """Texts whose top probability falls into one bin of the reliability diagram."""

    count: int
    confidence: float
    accuracy: float


def reliability(probabilities: Tensor, labels: Tensor, bins: int = 15) -> list[Bin]:
    """Return the bins by top probability; empty ones have zeros."""
    confidence, predicted = probabilities.max(1)
    right = (predicted == labels).float()
    number = (confidence * bins).ceil().long().clamp(1, bins) - 1
    result = []
    for index in range(bins):
        chosen = number == index
        count = int(chosen.sum())
        if count:
            mean = float(confidence[chosen].mean()), float(right[chosen].mean())
            result.append(Bin(count, *mean))
        else:
            result.append(Bin(0, 0.0, 0.0))
    return result


def calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Return the expected calibration error: the mean gap of confidence and accuracy."""
    parts = reliability(probabilities, labels, bins)
    return sum(part.count * abs(part.confidence - part.accuracy) for part in parts) / len(labels)


def precision_recall(chosen: Tensor, true: Tensor) -> tuple[float, float]:
    """Return precision and recall of a choice (bool) of texts that are `true` (bool)."""
    hits = float((chosen & true).sum())
    return hits / max(1.0, float(chosen.sum())), hits / max(1.0, float(true.sum()))


def bootstrap_interval(
    predicted: Tensor, labels: Tensor, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of macro recall over resampled texts."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randint(len(labels), (len(labels),), generator=generator) for _ in range(draws)]
    values = torch.tensor([macro_recall(predicted[rows], labels[rows]) for rows in drawn])
    low, high = torch.quantile(values, torch.tensor([0.025, 0.975])).tolist()
    return low, high

"""What a run minimises: cross entropy with labels, balanced and weighed, and a teacher's part."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data import class_shares

Loss = Callable[[Tensor, list[int]], Tensor]
"""Losses (texts,) of logits (texts, 3) of the texts at the given positions."""

_PRIOR_TEXTS = 100


def shares_by_source(labels: Sequence[int], sources: Sequence[str]) -> Tensor:
    """Return for each text the class shares of its source, (texts, 3).

    A hundred texts of even classes are added to each source, so no share is zero.
    """
    of_source: dict[str, list[int]] = {}
    for label, source in zip(labels, sources, strict=True):
        of_source.setdefault(source, []).append(label)
    shares = {
        source: [
            (share * len(its) + _PRIOR_TEXTS / 3) / (len(its) + _PRIOR_TEXTS)
            for share in class_shares(its)
        ]
        for source, its in of_source.items()
    }
    return torch.tensor([shares[source] for source in sources])


def shares_overall(labels: Sequence[int]) -> Tensor:
    """Return the class shares of all texts, for each text, (texts, 3)."""
    return torch.tensor(class_shares(labels)).expand(len(labels), 3)


def balanced(
    labels: Sequence[int],
    shares: Tensor,
    smoothing: float = 0.0,
    weights: Sequence[float] | None = None,
) -> Loss:
    """Return the cross entropy that teaches what the text says, not how frequent its class is.

    The log shares of the classes are added to the logits in training only (logit adjustment), so
    the network alone decides as if the three classes were equally frequent. With shares by source
    it does not learn which class is frequent where, and a source without neutral texts says
    nothing about them.

    Args:
        labels: class of each text.
        shares: expected class shares of each text, (texts, 3).
        smoothing: this part of each target goes to the shares, so that a network that is not
            sure is not pulled to any class.
        weights: factor on the loss of each text.
    """
    shifts = shares.log()
    targets = (1 - smoothing) * F.one_hot(torch.tensor(labels), 3) + smoothing * shares
    factors = torch.ones(len(labels)) if weights is None else torch.tensor(weights)

    def loss(logits: Tensor, positions: list[int]) -> Tensor:
        each = F.cross_entropy(logits + shifts[positions], targets[positions], reduction="none")
        return each * factors[positions]

    return loss


def plain(labels: Sequence[int]) -> Loss:
    """Return the cross entropy with the labels."""
    known = torch.tensor(labels)
    return lambda logits, positions: F.cross_entropy(logits, known[positions], reduction="none")


def distilled(hard: Loss, teacher: Tensor, soft: float, temperature: float = 1.5) -> Loss:
    """Return `soft` parts of the divergence from the teacher, the rest from the labels.

    Args:
        hard: the loss by the labels.
        teacher: logits (texts, 3); a row of NaN leaves its text to the labels alone.
        soft: weight of the teacher, 0 to 1.
        temperature: both distributions are flattened by it.
    """
    weights = (~teacher.isnan().any(1)).float() * soft
    softened = F.softmax(teacher.nan_to_num() / temperature, dim=1)

    def loss(logits: Tensor, positions: list[int]) -> Tensor:
        divergence = F.kl_div(
            F.log_softmax(logits / temperature, dim=1), softened[positions], reduction="none"
        ).sum(1)
        weight = weights[positions]
        return weight * divergence * temperature**2 + (1 - weight) * hard(logits, positions)

    return loss

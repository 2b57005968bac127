"""Temperature scaling, folded into the weights of the classifier."""

from collections import Counter
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def even_weights(sources: Sequence[str]) -> Tensor:
    """Return a weight for each text so that every source weighs alike, (texts,)."""
    counts = Counter(sources)
    return torch.tensor([1 / counts[source] for source in sources])


def temperature_of(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> float:
    """Return the temperature at which the highest probability says how often it is right.

    Fitted to whether the prediction is right, not to which class is: the network decides as if the
    classes were equally frequent, and fitting it to their shares here would undo that.

    Args:
        logits: (texts, 3).
        labels: (texts,) of 0 to 2.
        weights: (texts,), how much each counts; None: all alike.
    """
    predicted = logits.argmax(1)
    right = (predicted == labels).float()
    candidates = torch.linspace(0.4, 4.0, 361)
    losses = torch.stack(
        [
            F.binary_cross_entropy(
                F.softmax(logits / t, dim=1).amax(1).clamp(max=1 - 1e-6), right, weights
            )
            for t in candidates
        ]
    )
    return float(candidates[losses.argmin()])


def fold(weights: dict[str, Tensor], temperature: float) -> None:
    """Divide the classifier's weight and bias by the temperature, in place."""
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name] / temperature

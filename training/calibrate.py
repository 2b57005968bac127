"""Temperature scaling, folded into the weights of the classifier."""

import torch
import torch.nn.functional as F
from torch import Tensor


def temperature_of(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature that makes the top probability match the accuracy.

    Fitted to whether the prediction is right, not to the class: the loss balances the classes, and
    a fit to their shares would undo that.

    Args:
        logits: (texts, 3).
        labels: (texts,) of 0 to 2.
    """
    predicted = logits.argmax(1)
    right = (predicted == labels).float()
    candidates = torch.linspace(0.4, 4.0, 361)
    losses = torch.stack(
        [
            F.binary_cross_entropy(F.softmax(logits / t, dim=1).amax(1).clamp(max=1 - 1e-6), right)
            for t in candidates
        ]
    )
    return float(candidates[losses.argmin()])


def fold(weights: dict[str, Tensor], temperature: float) -> None:
    """Divide the classifier's weight and bias by the temperature, in place."""
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name] / temperature

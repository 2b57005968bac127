"""How right a classifier is on labelled texts, added up text by text."""

from typing import Any

from feedback_app.sentiment.classifier import Probabilities

BINS = 15
"""Bins by the probability of the predicted class, for the calibration error."""

CLASSES = Probabilities._fields


def given_class(label: Any) -> int | None:
    """Return the class (0 to 2) of a label, one of the three names or its number; None if other."""
    if isinstance(label, str) and label in CLASSES:
        return CLASSES.index(label)
    if isinstance(label, int) and not isinstance(label, bool) and label in range(len(CLASSES)):
        return label
    return None


class Quality:
    """Accuracy, macro recall and expected calibration error of what was scored so far."""

    def __init__(self) -> None:
        self._texts = [0] * len(CLASSES)
        self._right = [0] * len(CLASSES)
        self._surplus = [0.0] * BINS
        """Sum over the texts of a bin of their confidence less 1 for each that was right."""

    def add(self, true: int, said: Probabilities) -> None:
        """Count one text of a class (0 to 2)."""
        right = said.label == CLASSES[true]
        confidence = max(said)
        self._texts[true] += 1
        self._right[true] += right
        # A bin holds its upper edge, not its lower one.
        number = next((b for b in range(BINS - 1) if confidence * BINS <= b + 1), BINS - 1)
        self._surplus[number] += confidence - right

    @property
    def texts(self) -> int:
        """How many were counted."""
        return sum(self._texts)

    @property
    def accuracy(self) -> float:
        """Share of the texts whose class was recognised; at least one must be counted."""
        return sum(self._right) / self.texts

    @property
    def macro_recall(self) -> float:
        """Mean over the classes that occur of the share that was recognised."""
        recalls = [r / n for r, n in zip(self._right, self._texts, strict=True) if n]
        return sum(recalls) / len(recalls)

    @property
    def calibration_error(self) -> float:
        """Mean gap of confidence and accuracy, weighted by the texts of each bin."""
        return sum(map(abs, self._surplus)) / self.texts

"""Quality metrics of a classifier on labelled texts, accumulated text by text."""

from typing import Any

from feedback_app.sentiment.classifier import Probabilities

BINS = 15
"""Confidence bins for the expected calibration error."""

CLASSES = Probabilities._fields


def class_index(label: Any) -> int | None:
    """Return the class (0 to 2) of a label, given by name or number; None if invalid."""
    if isinstance(label, str) and label in CLASSES:
        return CLASSES.index(label)
    if isinstance(label, int) and not isinstance(label, bool) and label in range(len(CLASSES)):
        return label
    return None


class Quality:
    """Accuracy, macro recall and expected calibration error of the texts added so far."""

    def __init__(self) -> None:
        self._texts = [0] * len(CLASSES)
        self._correct = [0] * len(CLASSES)
        self._gaps = [0.0] * BINS
        """Per bin, the sum of confidences minus the number of correct predictions."""

    def add(self, true: int, predicted: Probabilities) -> None:
        """Add the prediction for a text whose true class (0 to 2) is known."""
        correct = predicted.label == CLASSES[true]
        confidence = max(predicted)
        self._texts[true] += 1
        self._correct[true] += correct
        # A bin includes its upper edge, not its lower one.
        number = next((b for b in range(BINS - 1) if confidence * BINS <= b + 1), BINS - 1)
        self._gaps[number] += confidence - correct

    @property
    def texts(self) -> int:
        """The number of texts added."""
        return sum(self._texts)

    @property
    def accuracy(self) -> float:
        """Share of correct predictions; requires at least one text."""
        return sum(self._correct) / self.texts

    @property
    def macro_recall(self) -> float:
        """Mean recall over the classes that occur."""
        recalls = [r / n for r, n in zip(self._correct, self._texts, strict=True) if n]
        return sum(recalls) / len(recalls)

    @property
    def calibration_error(self) -> float:
        """Mean gap between confidence and accuracy, weighted by the texts per bin."""
        return sum(map(abs, self._gaps)) / self.texts

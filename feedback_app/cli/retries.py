"""Scoring in a command, with retries while a model service asks to wait."""

import time
from collections.abc import Sequence

from feedback_app.sentiment.classifier import Classifier, ClassifierUnavailable, Probabilities

MAX_RETRIES = 5
"""How often a service may ask to wait before the command fails."""


def score_with_retries(classifier: Classifier, texts: Sequence[str]) -> list[Probabilities]:
    """Return one result per text, in input order; raises TextsRefused, ClassifierUnavailable."""
    for _ in range(MAX_RETRIES):
        try:
            return classifier.score(texts)
        except ClassifierUnavailable as error:
            if error.retry_after is None:
                raise
            time.sleep(error.retry_after)
    return classifier.score(texts)

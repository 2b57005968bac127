"""Scoring in a command: where a service asks to wait, it is waited for, up to a point."""

import time
from collections.abc import Sequence

from feedback_app.sentiment.classifier import Classifier, ClassifierUnavailable, Probabilities

PATIENCE = 5
"""Times that a service may ask to wait before the command gives up."""


def score_patiently(classifier: Classifier, texts: Sequence[str]) -> list[Probabilities]:
    """Return one result a text, in input order; raises TextsRefused, ClassifierUnavailable."""
    for _ in range(PATIENCE):
        try:
            return classifier.score(texts)
        except ClassifierUnavailable as error:
            if error.retry_after is None:
                raise
            time.sleep(error.retry_after)
    return classifier.score(texts)

"""A worker whose model raises on every third batch, and once takes longer than a session to answer.

Run it like the program: `python -m … worker -l info`.
"""

import itertools
import time
from collections.abc import Sequence

from feedback_app.__main__ import main
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.hashing import HashingClassifier

RAISES_EVERY, HANGS_AT, HANGS_S = 3, 4, 9.0


def plant() -> None:
    """Put the poor model into this process."""
    score, numbers = HashingClassifier.score, itertools.count(1)

    def poorly(self: HashingClassifier, texts: Sequence[str]) -> list[Probabilities]:
        number = next(numbers)
        if number == HANGS_AT:
            time.sleep(HANGS_S)
        if number % RAISES_EVERY == 0:
            raise RuntimeError("the model has a bad day")
        return score(self, texts)

    HashingClassifier.score = poorly  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    main()

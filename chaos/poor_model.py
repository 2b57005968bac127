"""A worker whose model raises on every third batch, and once takes longer than a session to answer.

It answers then when a file `go` lies in the worker's folder. Run it like the program:
`python -m … worker -l info`.
"""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

from feedback_app.__main__ import main
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.hashing import HashingClassifier

RAISES_EVERY, HANGS_AT, HANGS_S = 3, 4, (9.0, 90.0)
HANGS, GO = "the model hangs", "go"


def hang() -> None:
    """Say so, and return when it may, but within bounds: longer than a session, then at once."""
    print(HANGS, flush=True)
    begun, (least, most) = time.monotonic(), HANGS_S
    while (passed := time.monotonic() - begun) < most:
        if passed > least and Path(GO).exists():
            break
        time.sleep(0.05)


def plant() -> None:
    """Put the poor model into this process."""
    score, numbers = HashingClassifier.score, itertools.count(1)

    def poorly(self: HashingClassifier, texts: Sequence[str]) -> list[Probabilities]:
        number = next(numbers)
        if number == HANGS_AT:
            hang()
        if number % RAISES_EVERY == 0:
            raise RuntimeError("the model has a bad day")
        return score(self, texts)

    HashingClassifier.score = poorly  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    main()

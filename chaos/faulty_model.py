"""A worker whose model raises on every third batch, and once hangs for longer than the session.

It goes on once a file `go` is in the worker's folder. Run it like the program:
`python -m chaos.faulty_model worker -l info`.
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
    """Print a line, and return once the file is there, within the bounds of `HANGS_S`."""
    print(HANGS, flush=True)
    begun, (least, most) = time.monotonic(), HANGS_S
    while (passed := time.monotonic() - begun) < most:
        if passed > least and Path(GO).exists():
            break
        time.sleep(0.05)


def plant() -> None:
    """Patch this process."""
    score, numbers = HashingClassifier.score, itertools.count(1)

    def faulty(self: HashingClassifier, texts: Sequence[str]) -> list[Probabilities]:
        number = next(numbers)
        if number == HANGS_AT:
            hang()
        if number % RAISES_EVERY == 0:
            raise RuntimeError("a bug in the model")
        return score(self, texts)

    HashingClassifier.score = faulty  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    main()

"""A worker that acknowledges records before they are processed, with a slow model.

The kill test must fail with it. Run it like the program:
`python -m chaos.early_ack worker -l info`.
"""

import time
from collections.abc import Sequence
from typing import Any

from faust.types.tuples import TP

from feedback_app.__main__ import main
from feedback_app.hop.batch import BatchStage
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.hashing import HashingClassifier

BATCH_S = 1.5
"""How long the model takes: longer than the commit interval."""


def plant() -> None:
    """Patch this process."""
    submit, score = BatchStage.submit, HashingClassifier.score

    def acknowledge_at_once(self: BatchStage, tp: TP, records: list[Any]) -> None:
        self.acked[tp] = records[-1].offset + 1
        submit(self, tp, records)

    def slowly(self: HashingClassifier, texts: Sequence[str]) -> list[Probabilities]:
        time.sleep(BATCH_S)
        return score(self, texts)

    BatchStage.submit = acknowledge_at_once  # type: ignore[method-assign]
    HashingClassifier.score = slowly  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    main()

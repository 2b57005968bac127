"""The scorers of the whole job: the library as its documentation shows it, or ours."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

Score = Callable[[Sequence[str]], list[float]]
"""Texts to scores from 0 (negative) to 1 (positive)."""

BATCH = 32


@cache
def scorer(kind: str) -> Score:
    """Return the scorer of this process, loaded once: `none`, `pipeline` or `own`.

    All have one thread, because a peer has one core; `none` returns constants.
    """
    if kind == "none":
        return lambda texts: [0.5] * len(texts)
    return _pipeline() if kind == "pipeline" else _own()


def _pipeline() -> Score:
    import torch
    from transformers import pipeline

    from feedback_app.sentiment.model_files import BUNDLED

    torch.set_num_threads(1)
    classify: Any = pipeline(
        "text-classification", model=str(BUNDLED), dtype=torch.float32, device="cpu", top_k=None
    )

    def score(texts: Sequence[str]) -> list[float]:
        found = []
        for rows in classify(list(texts), batch_size=min(BATCH, len(texts)), truncation=True):
            probability = {row["label"]: row["score"] for row in rows}
            found.append(probability["positive"] + probability["neutral"] / 2)
        return found

    return score


def _own() -> Score:
    from feedback_app.sentiment.model_files import load_local

    classifier = load_local(threads=1)
    return lambda texts: [one.score for one in classifier.score(texts)]

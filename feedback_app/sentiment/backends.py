"""Chooses the fastest way to compute a BERT classifier on this machine that keeps its scores."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from feedback_app.sentiment import processor
from feedback_app.sentiment.packed import PackedBert

log = logging.getLogger(__name__)

SCORE_TOLERANCE = 0.02
"""How far a score may lie from the same weights in fp32, for 99 % of texts."""

_TRIALS = 3


class Way(NamedTuple):
    """A number format on a device."""

    name: str
    dtype: torch.dtype
    device: str


FP32 = Way("packed fp32", torch.float32, "cpu")
BF16 = Way("packed bf16", torch.bfloat16, "cpu")
CUDA = Way("packed fp16 on CUDA", torch.float16, "cuda")


def offered() -> list[Way]:
    """Return the ways that this machine has, the plain one first."""
    ways = [FP32]
    if processor.multiplies_bf16(processor.own_flags()):
        ways.append(BF16)
    if torch.cuda.is_available():
        ways.append(CUDA)
    return ways


def build(way: Way, weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> PackedBert:
    """Return the model computed that way."""
    return PackedBert(weights, config, way.dtype, way.device)


def keeps_scores(scores: Tensor, reference: Tensor) -> bool:
    """Tell whether 99 % of scores (texts) lie within the tolerance of their reference."""
    near = (scores - reference).abs() <= SCORE_TOLERANCE
    return bool(near.float().mean() >= 0.99)


def choose(
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    values: Tensor,
    sample: Sequence[Sequence[int]],
) -> tuple[Way, PackedBert]:
    """Return the fastest way on a sample that keeps the scores, and the model computed that way.

    Args:
        weights: tensors of `model.safetensors`.
        config: `config.json`.
        values: what each output of the model adds to the score, (outputs).
        sample: token ids of some texts, texts of equal length side by side.
    """
    way, model = FP32, build(FP32, weights, config)
    best, reference = _time(model, sample)
    for candidate in offered()[1:]:
        other = build(candidate, weights, config)
        seconds, probabilities = _time(other, sample)
        kept = keeps_scores(probabilities @ values, reference @ values)
        log.debug("%s: %.1f ms, keeps scores: %s", candidate.name, seconds * 1e3, kept)
        if kept and seconds < best:
            way, model, best = candidate, other, seconds
    return way, model


def _time(model: PackedBert, sample: Sequence[Sequence[int]]) -> tuple[float, Tensor]:
    """Return the least time of some runs after a first one, in seconds, and the probabilities."""
    probabilities = model(sample)
    times = []
    for _ in range(_TRIALS):
        start = time.perf_counter()
        model(sample)
        times.append(time.perf_counter() - start)
    return min(times), probabilities

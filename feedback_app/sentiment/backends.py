"""Chooses the fastest way to compute a BERT classifier on this machine that keeps its scores."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from feedback_app.sentiment import processor
from feedback_app.sentiment.packed import PackedBert

log = logging.getLogger(__name__)

SCORE_TOLERANCE = 0.02
"""How far a score may lie from the same weights in fp32, for 99 % of texts."""


class Backend(NamedTuple):
    """A number format on a device."""

    name: str
    dtype: torch.dtype
    device: str


FP32 = Backend("packed fp32", torch.float32, "cpu")
BF16 = Backend("packed bf16", torch.bfloat16, "cpu")
CUDA = Backend("packed fp16 on CUDA", torch.float16, "cuda")


def offered() -> list[Backend]:
    """Return the ways that this machine has, from the plain one to the fastest."""
    backends = [FP32]
    if processor.multiplies_bf16(processor.own_flags()):
        backends.append(BF16)
    if torch.cuda.is_available():
        backends.append(CUDA)
    return backends


def build(backend: Backend, weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> PackedBert:
    """Return the model computed that way."""
    return PackedBert(weights, config, backend.dtype, backend.device)


def keeps_scores(scores: Tensor, reference: Tensor) -> bool:
    """Tell whether 99 % of scores (texts) lie within the tolerance of their reference."""
    near = (scores - reference).abs() <= SCORE_TOLERANCE
    return bool(near.float().mean() >= 0.99)


def choose(
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    values: Tensor,
    sample: Sequence[Sequence[int]],
) -> tuple[Backend, PackedBert]:
    """Return the fastest way whose scores on a sample are those of fp32, and the model so computed.

    Nothing is timed: two processes on like machines must choose alike, however busy they are, or
    the same text would score differently in each.

    Args:
        weights: tensors of `model.safetensors`.
        config: `config.json`.
        values: what each output of the model adds to the score, (outputs).
        sample: token ids of some texts, texts of equal length side by side.
    """
    plain = build(FP32, weights, config)
    reference = plain(sample) @ values
    for backend in reversed(offered()[1:]):
        try:
            model = build(backend, weights, config)
            kept = keeps_scores(model(sample) @ values, reference)
        except RuntimeError as error:  # a GPU that is full, or too old for this torch
            reason = str(error).partition("\n")[0]
            log.warning("%s does not work here and is not used: %s", backend.name, reason)
            continue
        if kept:
            return backend, model
        log.warning("%s moves the scores of this model too far and is not used", backend.name)
    return FP32, plain

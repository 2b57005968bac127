"""Selects the fastest backend on this machine that reproduces the fp32 scores of a BERT model."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from feedback_app.sentiment import processor
from feedback_app.sentiment.packed import PackedBert

log = logging.getLogger(__name__)

SCORE_TOLERANCE = 0.02
"""Maximum deviation from the fp32 score of the same weights, for 99 % of texts."""


class Backend(NamedTuple):
    """A number format on a device."""

    name: str
    dtype: torch.dtype
    device: str


FP32 = Backend("packed fp32", torch.float32, "cpu")
BF16 = Backend("packed bf16", torch.bfloat16, "cpu")
CUDA = Backend("packed fp16 on CUDA", torch.float16, "cuda")


def available() -> list[Backend]:
    """Return the backends of this machine, from the reference (fp32) to the fastest."""
    backends = [FP32]
    if processor.multiplies_bf16(processor.own_flags()):
        backends.append(BF16)
    if torch.cuda.is_available():
        backends.append(CUDA)
    return backends


def build(backend: Backend, weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> PackedBert:
    """Return the model on that backend."""
    return PackedBert(weights, config, backend.dtype, backend.device)


def within_tolerance(scores: Tensor, reference: Tensor) -> bool:
    """Return whether 99 % of the scores (texts,) lie within the tolerance of their reference."""
    close = (scores - reference).abs() <= SCORE_TOLERANCE
    return bool(close.float().mean() >= 0.99)


def choose(
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    values: Tensor,
    sample: Sequence[Sequence[int]],
) -> tuple[Backend, PackedBert]:
    """Return the fastest backend that matches fp32 on a sample of texts, and the model on it.

    Nothing is timed: processes on identical machines must choose the same backend under any load,
    or the same text would score differently in each.

    Args:
        weights: tensors of `model.safetensors`.
        config: `config.json`.
        values: weight of each output of the model in the score, (outputs).
        sample: token ids of the sample texts, sorted by length.
    """
    fp32 = build(FP32, weights, config)
    reference = fp32(sample) @ values
    for backend in reversed(available()[1:]):
        try:
            model = build(backend, weights, config)
            accurate = within_tolerance(model(sample) @ values, reference)
        except RuntimeError as error:  # GPU out of memory, or too old for this torch
            reason = str(error).partition("\n")[0]
            log.warning("%s does not work here and is not used: %s", backend.name, reason)
            continue
        if accurate:
            return backend, model
        log.warning("%s moves the scores of this model too far and is not used", backend.name)
    return FP32, fp32

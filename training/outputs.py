"""What the teacher says of the training text, kept without the text."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.data import digest

SHIPPED = Path(__file__).with_name("teacher_outputs.safetensors")
"""The outputs that `make train` distils, so that the teacher need not run again."""


def write(path: Path, texts: Sequence[str], logits: Tensor) -> None:
    """Write a digest and three half-precision logits a text, sorted by digest."""
    digests = torch.tensor([digest(text) for text in texts])
    order = digests.argsort()
    tensors = {
        "digest": digests[order].contiguous(),
        "logits": logits[order].half().contiguous(),
    }
    save_file(tensors, path)


def read(path: Path, texts: Sequence[str]) -> Tensor:
    """Return the logits (texts, 3), float32; NaN for a text that the teacher did not see."""
    stored = load_file(path)
    rows = {key: row for row, key in enumerate(stored["digest"].tolist())}
    found = [rows.get(digest(text), -1) for text in texts]
    logits = torch.cat([stored["logits"].float(), torch.full((1, 3), float("nan"))])
    return logits[found]

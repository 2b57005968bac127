"""Makes oneDNN's bf16 matrix product independent of the batch size.

For few rows and a long inner dimension, oneDNN splits that dimension, which changes the order of
summation. One flipped bit in bf16 can move a score by 0.007, so a product is split, or padded with
zero rows, to row counts whose results equal those of a large batch. Which counts do depends on
processor and threads, and is determined by testing.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_COUNTS = tuple(2**power for power in range(11))
_ROWS = 2048
_MAX_CHUNKS = 8
_WINDOWS = 16
"""Row windows tested for each count; a nondeterministic one shows in nearly every window."""


def nondeterministic_counts(product: Callable[[Tensor], Tensor], rows: Tensor) -> frozenset[int]:
    """Return the row counts, up to 1,024, whose product differs from that of all rows."""
    expected = product(rows)
    return frozenset(
        count
        for count in _COUNTS
        if any(
            not torch.equal(product(rows[start : start + count]), expected[start : start + count])
            for start in range(0, min(len(rows), _WINDOWS * count), count)
        )
    )


@cache
def nondeterministic_bf16(inner: int, out: int, threads: int) -> frozenset[int]:
    """Return the nondeterministic row counts of a bf16 product (rows, inner) x (inner, out).

    `threads` is the number of computing threads of the process; the result depends on it.
    """
    random = torch.Generator().manual_seed(threads)
    rows = torch.randn(_ROWS, inner, generator=random).bfloat16()
    weight = torch.randn(out, inner, generator=random).bfloat16()
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)

    def product(x: Tensor) -> Tensor:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "none")
        return result

    return nondeterministic_counts(product, rows)


def deterministic_chunks(rows: int, nondeterministic: frozenset[int]) -> list[tuple[int, int]]:
    """Return the chunks to multiply separately, as (rows, padded rows), all deterministic.

    One unpadded chunk if all larger counts are deterministic; otherwise the faster of a few small
    chunks or one padded chunk.
    """
    if not nondeterministic or rows > max(nondeterministic) * 2:
        return [(rows, rows)]
    allowed = [count for count in _COUNTS if count not in nondeterministic] + [max(rows, _ROWS)]
    small = max((count for count in allowed if count < min(nondeterministic)), default=0)
    if small and small < rows <= _MAX_CHUNKS * small:
        whole, rest = divmod(rows, small)
        return [(small, small)] * whole + (
            deterministic_chunks(rest, nondeterministic) if rest else []
        )
    return [(rows, next(count for count in allowed if count >= rows))]


def pad_rows(x: Tensor, count: int) -> Tensor:
    """Return x (rows, columns) padded with zero rows to `count` rows."""
    return x if count == len(x) else F.pad(x, (0, 0, 0, count - len(x)))


def multiply_deterministically(
    product: Callable[..., Tensor], nondeterministic: frozenset[int], *inputs: Tensor
) -> Tensor:
    """Return product(*inputs), inputs of (rows, …), computed in deterministic row counts."""
    chunks = deterministic_chunks(len(inputs[0]), nondeterministic)
    if len(chunks) == 1 and chunks[0][0] == chunks[0][1]:
        return product(*inputs)
    parts = [torch.split(x, [rows for rows, _ in chunks]) for x in inputs]
    outputs = [
        product(*(pad_rows(x, count) for x in chunk))[:rows]
        for (rows, count), *chunk in zip(chunks, *parts, strict=True)
    ]
    return torch.cat(outputs)

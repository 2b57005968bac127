"""Row counts at which oneDNN's bf16 product gives a row the same result, whatever its company.

For few rows and a long inner dimension oneDNN cuts that dimension into parts, which adds up in
another order than for many rows. One flipped bit in bf16 can move a score by 0.007, so a product
is cut, or padded with zero rows, to counts at which rows come out as they do among thousands. Which
those are depends on processor and threads, and is found by trying.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_COUNTS = tuple(2**power for power in range(11))
_ROWS = 2048
_MAX_CUTS = 8
_WINDOWS = 16
"""Stretches of rows that are tried for each count; a wrong one shows in nearly every stretch."""


def unsteady_counts(product: Callable[[Tensor], Tensor], rows: Tensor) -> frozenset[int]:
    """Return the counts of up to 1,024 rows for which a product differs from that of all rows."""
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
    """Return the unsteady counts of a bf16 product (rows, inner) x (inner, out) on this machine.

    `threads` is what the process computes with; a change of it changes the answer.
    """
    random = torch.Generator().manual_seed(threads)
    rows = torch.randn(_ROWS, inner, generator=random).bfloat16()
    weight = torch.randn(out, inner, generator=random).bfloat16()
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)

    def product(some: Tensor) -> Tensor:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(some, packed, None, "none", [], "none")
        return result

    return unsteady_counts(product, rows)


def deterministic_cuts(rows: int, nondeterministic: frozenset[int]) -> list[tuple[int, int]]:
    """Return the stretches to multiply one by one, as (rows, rows with padding), all steady.

    It is one stretch without padding where all counts from there on are steady; else, what is
    quicker: a few small stretches, or one that is padded.
    """
    if not nondeterministic or rows > max(nondeterministic) * 2:
        return [(rows, rows)]
    steady = [count for count in _COUNTS if count not in nondeterministic] + [max(rows, _ROWS)]
    small = max((count for count in steady if count < min(nondeterministic)), default=0)
    if small and small < rows <= _MAX_CUTS * small:
        whole, rest = divmod(rows, small)
        return [(small, small)] * whole + (
            deterministic_cuts(rest, nondeterministic) if rest else []
        )
    return [(rows, next(count for count in steady if count >= rows))]


def pad_rows(x: Tensor, count: int) -> Tensor:
    """Return x (rows, columns) with zero rows up to a count."""
    return x if count == len(x) else F.pad(x, (0, 0, 0, count - len(x)))


def multiply_deterministically(
    product: Callable[..., Tensor], nondeterministic: frozenset[int], *inputs: Tensor
) -> Tensor:
    """Return product(*inputs), inputs of (rows, …), worked out by steady counts of rows."""
    cuts = deterministic_cuts(len(inputs[0]), nondeterministic)
    if len(cuts) == 1 and cuts[0][0] == cuts[0][1]:
        return product(*inputs)
    parts = [torch.split(x, [rows for rows, _ in cuts]) for x in inputs]
    outputs = [
        product(*(pad_rows(x, count) for x in cut))[:rows]
        for (rows, count), *cut in zip(cuts, *parts, strict=True)
    ]
    return torch.cat(outputs)

"""Groups texts by length into batches of bounded size."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

TOKEN_BUDGET = 2048
"""Tokens per batch: large enough to keep the cores busy, small enough to bound memory."""


def batches(lengths: Sequence[int], budget: int = TOKEN_BUDGET) -> Iterator[list[int]]:
    """Yield the positions of `lengths`, shortest first, in batches of at most `budget` tokens.

    A text longer than the budget gets its own batch.
    """
    batch: list[int] = []
    tokens = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and tokens + lengths[position] > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(position)
        tokens += lengths[position]
    if batch:
        yield batch


def run_lengths(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return (count, length) of each run of equal consecutive lengths, in order."""
    found: list[tuple[int, int]] = []
    for length in lengths:
        if found and found[-1][1] == length:
            found[-1] = (found[-1][0] + 1, length)
        else:
            found.append((1, length))
    return found


class LengthGroup(NamedTuple):
    """Texts of equal length in a batch: rows `start` to `stop` hold `texts` of `length` tokens."""

    start: int
    stop: int
    texts: int
    length: int


def grouped(lengths: Sequence[int]) -> list[LengthGroup]:
    """Return the groups of consecutive texts of equal length, their tokens stored contiguously."""
    groups, start = [], 0
    for texts, length in run_lengths(lengths):
        stop = start + texts * length
        groups.append(LengthGroup(start, stop, texts, length))
        start = stop
    return groups


def padded_row_count(rows: int) -> int:
    """Round a row count up to one of a few bucket sizes.

    oneDNN JIT-compiles and caches a kernel for every row count, which for arbitrary counts costs a
    gigabyte of memory and a third of the time.
    """
    step = 16 if rows <= 64 else 64 if rows <= 512 else 256
    return -(-rows // step) * step

"""Cuts texts of uneven length into batches of like length and bounded work."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

TOKEN_BUDGET = 2048
"""Tokens a batch: large enough to keep the cores busy, small enough to spare memory."""


def batches(lengths: Sequence[int], budget: int = TOKEN_BUDGET) -> Iterator[list[int]]:
    """Yield the positions of `lengths`, shortest first, in batches of at most `budget` tokens.

    A text longer than the budget has a batch of its own.
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


def runs(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return (count, length) of each run of equal neighbours, in order."""
    found: list[tuple[int, int]] = []
    for length in lengths:
        if found and found[-1][1] == length:
            found[-1] = (found[-1][0] + 1, length)
        else:
            found.append((1, length))
    return found


class Group(NamedTuple):
    """Texts of equal length in a batch: rows `start` to `stop` hold `texts` of `length` tokens."""

    start: int
    stop: int
    texts: int
    length: int


def grouped(lengths: Sequence[int]) -> list[Group]:
    """Return the runs of texts of equal length whose tokens lie one after the other."""
    groups, start = [], 0
    for texts, length in runs(lengths):
        stop = start + texts * length
        groups.append(Group(start, stop, texts, length))
        start = stop
    return groups


def rounded_up(rows: int) -> int:
    """Return the rows to compute for so many: one of a few counts, a little above.

    oneDNN generates and keeps code for every count that it meets, which for arbitrary ones comes
    to a gigabyte and a third of the time.
    """
    step = 16 if rows <= 64 else 64 if rows <= 512 else 256
    return -(-rows // step) * step

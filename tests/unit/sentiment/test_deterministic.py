"""Products use row counts at which a row does not depend on the rest of the batch."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from feedback_app.sentiment.deterministic import (
    deterministic_chunks,
    multiply_deterministically,
    nondeterministic_counts,
    pad_rows,
)

counts = st.integers(min_value=0, max_value=10).map(lambda power: 2**power)


def test_nondeterministic_counts_are_detected() -> None:
    def product(rows: Tensor) -> Tensor:
        return rows + 1e-3 if 64 <= len(rows) <= 256 else rows

    assert nondeterministic_counts(product, torch.zeros(4096, 2)) == {64, 128, 256}
    assert nondeterministic_counts(torch.neg, torch.zeros(4096, 2)) == frozenset()


@given(st.integers(min_value=1, max_value=5000), st.frozensets(counts))
def test_chunks_cover_all_rows_in_deterministic_counts(
    rows: int, nondeterministic: frozenset[int]
) -> None:
    chunks = deterministic_chunks(rows, nondeterministic)
    assert sum(part for part, _ in chunks) == rows
    for part, count in chunks:
        assert 1 <= part <= count
        assert count not in nondeterministic
    if not nondeterministic:
        assert chunks == [(rows, rows)]


def test_the_chunks_for_a_processor_that_splits_small_products() -> None:
    nondeterministic = frozenset({64, 128, 256})
    assert deterministic_chunks(30, nondeterministic) == [(30, 32)]
    assert deterministic_chunks(70, nondeterministic) == [(32, 32), (32, 32), (6, 8)]
    assert deterministic_chunks(300, nondeterministic) == [(300, 512)]
    assert deterministic_chunks(513, nondeterministic) == [(513, 513)]


@given(st.integers(min_value=1, max_value=700), st.frozensets(counts))
def test_splitting_and_padding_change_no_row(rows: int, nondeterministic: frozenset[int]) -> None:
    x = torch.arange(rows * 2, dtype=torch.float32).view(rows, 2)
    seen: list[int] = []

    def product(a: Tensor, b: Tensor) -> Tensor:
        seen.append(len(a))
        return a * 2 + b

    assert torch.equal(multiply_deterministically(product, nondeterministic, x, x + 1), x * 3 + 1)
    assert nondeterministic.isdisjoint(seen)


def test_padding_adds_zero_rows_at_the_end() -> None:
    padded = pad_rows(torch.ones(2, 3), 4)
    assert padded.tolist() == [[1.0] * 3] * 2 + [[0.0] * 3] * 2

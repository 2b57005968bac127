"""Batches contain every text once, within the token budget."""

from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.batching import batches, grouped, padded_row_count, run_lengths

lengths = st.lists(st.integers(min_value=2, max_value=256), max_size=200)


@given(lengths, st.integers(min_value=1, max_value=600))
def test_batches_partition_the_texts_by_length_within_the_budget(
    given_lengths: list[int], budget: int
) -> None:
    found = list(batches(given_lengths, budget))
    flat = list(chain.from_iterable(found))
    assert sorted(flat) == list(range(len(given_lengths)))
    assert [given_lengths[p] for p in flat] == sorted(given_lengths)
    for batch in found:
        assert len(batch) == 1 or sum(given_lengths[p] for p in batch) <= budget
    for batch, after in pairwise(found):
        # No batch could have taken the next text.
        assert sum(given_lengths[p] for p in batch) + given_lengths[after[0]] > budget


@given(lengths)
def test_run_lengths_are_lossless(given_lengths: list[int]) -> None:
    found = run_lengths(given_lengths)
    assert [length for count, length in found for _ in range(count)] == given_lengths
    assert all(a[1] != b[1] for a, b in pairwise(found))


@given(lengths)
def test_groups_hold_every_token_once_and_in_order(given_lengths: list[int]) -> None:
    stop = 0
    for group in grouped(given_lengths):
        assert (group.start, group.stop) == (stop, stop + group.texts * group.length)
        stop = group.stop
    assert stop == sum(given_lengths)


def test_there_are_few_padded_row_counts() -> None:
    counts = {padded_row_count(rows): rows for rows in range(1, 4097)}
    assert len(counts) < 30
    assert all(padded_row_count(count) == count for count in counts)


@given(st.integers(min_value=1, max_value=10_000))
def test_rows_are_padded_by_less_than_double(rows: int) -> None:
    assert rows <= padded_row_count(rows) < max(rows + 16, 2 * rows)

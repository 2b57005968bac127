"""Waits between retries double, are bounded, vary, and start again after a success."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.backoff import Backoff


def test_waits_double_up_to_the_longest_and_start_again_after_a_success() -> None:
    backoff = Backoff(0.5, 3.0, jitter=0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.failures == 5
    backoff.reset()
    assert backoff.next() == 0.5


def test_a_wait_that_the_dependency_asks_for_is_kept_and_counts_as_a_failure() -> None:
    backoff = Backoff(0.5, 30.0, jitter=0)
    assert [backoff.next(retry_after=77.0), backoff.next()] == [77.0, 1.0]
    assert backoff.next(retry_after=0.0) == 0.0


def test_another_bound_holds_for_one_failure() -> None:
    backoff = Backoff(1.0, 30.0, jitter=0)
    waits = [backoff.next(), backoff.next(), backoff.next(), backoff.next(longest=5.0)]
    assert waits == [1.0, 2.0, 4.0, 5.0]
    assert backoff.next() == 16.0


@given(st.integers(0, 10_000), st.floats(0.001, 10), st.floats(0, 1))
def test_a_wait_varies_by_the_jitter_and_never_overflows(
    failures: int, first: float, drawn: float
) -> None:
    backoff = Backoff(first, 30.0, uniform=lambda low, high: low + drawn * (high - low))
    backoff.failures = failures
    plain = first * 2.0 ** min(failures, 32)
    assert backoff.next() == pytest.approx(min(30.0, plain * (0.8 + 0.4 * drawn)))

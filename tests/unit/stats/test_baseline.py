"""A source's baseline gap: arrivals by minute, and how long a silence may last."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.stats.baseline import MIN_SILENCE_S, baseline_gap, heard_at, silent_after
from feedback_app.stats.source_arrivals import WINDOW_MINUTES, Arrivals

MINUTES = st.integers(0, 3 * WINDOW_MINUTES)


def counts(*minutes: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return the messages of consecutive minutes."""
    return np.array(minutes, dtype=np.int32)


@given(st.lists(st.tuples(MINUTES, st.integers(1, 9)), min_size=1, max_size=30))
def test_arrivals_are_those_of_the_last_seven_days_whatever_their_order(
    added: list[tuple[int, int]],
) -> None:
    found = Arrivals()
    for minute, n in added:
        found.add(minute, n)
    newest = max(minute for minute, _ in added)
    wanted = [0] * WINDOW_MINUTES
    for minute, n in added:
        if minute > newest - WINDOW_MINUTES:
            wanted[minute - newest - 1] += n
    assert found.counts().tolist() == wanted
    assert found.last == newest


def test_a_correction_empties_a_minute() -> None:
    found = Arrivals()
    assert found.last is None
    found.add(100, 1)
    found.add(105, 2)
    found.add(105, -2)
    assert found.last == 100


@given(st.lists(st.integers(0, 4), min_size=1, max_size=300))
def test_the_baseline_gap_is_the_nearest_rank_of_all_gaps(minutes: list[int]) -> None:
    gaps: list[float] = []
    last: int | None = None
    for at, n in enumerate(minutes):
        if n:
            gaps += [(at - last) * 60.0] if last is not None else []
            gaps += [60 / n] * (n - 1)
            last = at
    wanted = sorted(gaps)[math.ceil(0.99 * len(gaps)) - 1] if gaps else None
    assert baseline_gap(counts(*minutes)) == (None if wanted is None else pytest.approx(wanted))


def test_a_busy_source_is_silent_after_ten_minutes_and_a_slow_one_after_three_gaps() -> None:
    assert silent_after(None, counts(*[50] * 100)) == MIN_SILENCE_S
    slow = [0] * 1000
    for at in range(0, 1000, 20):
        slow[at] = 1
    assert silent_after(None, counts(*slow)) == 3 * 20 * 60


def test_one_long_night_among_many_gaps_changes_nothing() -> None:
    assert silent_after(None, counts(*[2] * 200, *[0] * 600, *[2] * 200)) == MIN_SILENCE_S


def test_what_is_set_goes_before_what_is_learned_and_nothing_learned_is_ten_minutes() -> None:
    assert silent_after(timedelta(seconds=30), counts(1, 0, 0, 0, 0, 0, 0, 0, 1)) == 30
    assert silent_after(None, None) == MIN_SILENCE_S
    assert silent_after(None, counts(0, 1, 0)) == MIN_SILENCE_S


@pytest.mark.parametrize(
    ("minute", "reported", "heard"),
    [
        (None, None, None),
        (None, 500.0, 500.0),
        (10, None, 660.0),
        (10, 630.0, 630.0),
        (10, 640.0, 640.0),
        # An old post that came late: the accounting records take precedence over its creation.
        (10, 30.0, 660.0),
        (16, None, 1000.0),
        (10, 2000.0, 1000.0),
    ],
)
def test_the_last_message_is_placed_as_late_as_it_can_have_come(
    minute: int | None, reported: float | None, heard: float | None
) -> None:
    assert heard_at(minute, reported, now=1000.0) == heard

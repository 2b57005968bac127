"""Stall detection with a clock that is moved by hand."""

import asyncio

import pytest

from feedback_app.hop.stalls import STALL_S, SUSPECT_S, TICK_S, StallDetector
from tests.support.clocks import HandClock


@pytest.fixture
def clock() -> HandClock:
    """Return a clock that stands still."""
    return HandClock()


@pytest.fixture
def stalls(clock: HandClock) -> StallDetector:
    """Return a detector that starts now."""
    return StallDetector(clock)


def test_ticks_in_time_are_no_stall(clock: HandClock, stalls: StallDetector) -> None:
    for late in (0.0, TICK_S, STALL_S, STALL_S + TICK_S - 0.01):
        clock.now += late
        assert not stalls.suspect()
    assert stalls.count == 0


def test_after_a_late_tick_the_process_is_suspect_for_five_seconds(
    clock: HandClock, stalls: StallDetector
) -> None:
    clock.now += STALL_S + TICK_S
    assert stalls.suspect()
    end = clock.now + SUSPECT_S
    while clock.now + TICK_S < end:
        clock.now += TICK_S
        assert stalls.suspect()
    clock.now = end
    assert not stalls.suspect()
    assert stalls.count == 1


def test_each_stall_counts_once_and_extends_the_suspicion(
    clock: HandClock, stalls: StallDetector
) -> None:
    clock.now += 60
    assert stalls.suspect()
    assert stalls.suspect()
    clock.now += 4
    assert stalls.suspect()
    assert stalls.count == 2
    clock.now += 2
    assert stalls.suspect(), "five seconds from the second stall on"
    clock.now += 2
    assert stalls.suspect()
    clock.now += 1
    assert not stalls.suspect()


def test_the_time_before_it_begins_is_no_stall(clock: HandClock, stalls: StallDetector) -> None:
    clock.now += 3600
    stalls.begin()
    assert not stalls.suspect()
    assert stalls.count == 0


async def test_its_own_ticks_see_a_stall_that_nobody_asks_about(
    clock: HandClock, stalls: StallDetector
) -> None:
    ticking = asyncio.ensure_future(stalls.tick())
    for _ in range(20):
        await asyncio.sleep(0)
    assert stalls.count == 0
    clock.now += 10
    for _ in range(2):
        await asyncio.sleep(0)
    ticking.cancel()
    assert stalls.count == 1
    assert set(clock.slept) == {TICK_S}

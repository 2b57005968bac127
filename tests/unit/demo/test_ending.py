"""When a demo ends."""

import pytest

from feedback_app.demo.ending import SETTLED_S, STALLED_S, STOP_WITHIN_S, Ending


def test_it_ends_when_everything_has_balanced_for_a_while() -> None:
    ending = Ending(None, True, 0.0)
    assert not ending.reached(1.0, 1, played=True, balanced=True)
    assert not ending.reached(1.5, 2, played=True, balanced=False)
    assert not ending.reached(2.0, 2, played=True, balanced=True)
    assert not ending.reached(2.0 + SETTLED_S - 0.1, 2, played=True, balanced=True)
    assert ending.reached(2.0 + SETTLED_S, 2, played=True, balanced=True)


def test_it_does_not_end_by_itself_unless_asked_to() -> None:
    ending = Ending(None, False, 0.0)
    for now in (1.0, 100.0, 10_000.0):
        assert not ending.reached(now, 1, played=True, balanced=True)
        assert not ending.playing_is_over(now)


def test_the_time_limit_ends_the_playing_and_the_rest_is_processed() -> None:
    ending = Ending(30.0, True, 100.0)
    assert not ending.playing_is_over(129.9)
    assert ending.playing_is_over(130.0)
    assert not ending.reached(131.0, 1, played=True, balanced=False)
    assert not ending.reached(180.0, 2, played=True, balanced=False)


@pytest.mark.parametrize("played", [False, True])
def test_a_stalled_demo_is_given_up_once_playing_has_ended(played: bool) -> None:
    ending = Ending(10.0, True, 0.0)
    assert not ending.reached(1.0, "same", played=played, balanced=False)
    assert not ending.reached(STALLED_S + 0.9, "same", played=played, balanced=False)
    assert ending.reached(STALLED_S + 1.0, "same", played=played, balanced=False) is played


def test_a_requested_stop_takes_a_bounded_time() -> None:
    ending = Ending(None, False, 0.0)
    ending.stop(50.0)
    assert ending.stopped
    assert ending.playing_is_over(50.0)
    assert not ending.reached(51.0, 1, played=True, balanced=False)
    assert ending.reached(50.0 + STOP_WITHIN_S, 2, played=True, balanced=False)


def test_a_requested_stop_takes_no_longer_than_needed() -> None:
    ending = Ending(None, False, 0.0)
    ending.stop(50.0)
    assert not ending.reached(50.0, 1, played=True, balanced=True)
    assert ending.reached(50.0 + SETTLED_S, 1, played=True, balanced=True)

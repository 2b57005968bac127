"""How many dead letters wait for a decision."""

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.stats.actions import DROP, RETRY, DeadLetters, number_of, target_of
from models import Action

numbers = st.integers(0, 30)


def test_a_retried_or_dropped_letter_is_no_longer_open() -> None:
    letters = DeadLetters()
    assert letters.counts() is None
    letters.set_offsets(5, 10)
    for kind, number in ((RETRY, 5), (RETRY, 5), (DROP, 9), ("pause", 7)):
        letters.apply(Action(type=kind, target=target_of(number, 1.5)))
    assert letters.counts() == {"open": 3, "total": 5}


@given(st.lists(st.tuples(st.sampled_from([RETRY, DROP]), numbers)), numbers, numbers)
def test_only_letters_in_the_topic_count(
    decided: list[tuple[str, int]], first: int, more: int
) -> None:
    letters = DeadLetters()
    for kind, number in decided:
        letters.apply(Action(type=kind, target=target_of(number, 1.0)))
    letters.set_offsets(first, first + more)
    waiting = set(range(first, first + more)) - {number for _, number in decided}
    assert letters.counts() == {"open": len(waiting), "total": more}


@given(st.integers(0, 2**63 - 1), st.floats(0, 1e10))
def test_a_target_names_its_letter(number: int, written_at: float) -> None:
    assert number_of(target_of(number, written_at)) == number


@given(st.text())
def test_any_other_target_names_none(target: str) -> None:
    assert number_of(target) is None or target.startswith("dead-letter:")
    assert number_of(f"dead-letter:{target}") is None or target[0].isdecimal()

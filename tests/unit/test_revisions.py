"""What is known of ids: the same in memory and on the disk, for a window, on a full disk too."""

import sqlite3
from collections.abc import Sequence
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app import revisions
from feedback_app.hop import OutsideFault, Row
from feedback_app.revisions import Known, Revisions, known_from, merged
from models import Feedback, ScoredFeedback

HOUR = 3600.0
IDS = ("x:1", "x:2", "slack:C1:1.000001", "a\0b", "ключ 'quoted' %")


class Now:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.at


def scored(identity: str, offset: int, revision: int = 0, kind: str = "create") -> ScoredFeedback:
    """Return a scored record of a raw record at an offset."""
    score = None if kind == "delete" else 0.5
    feedback = Feedback(id=identity, text="", revision=revision, kind=kind)
    return ScoredFeedback(feedback=feedback, score=score, partition=0, offset=offset)


def same(one: Known, other: Known) -> bool:
    """Whether both tell the same; the order of the records means nothing."""
    return (*one[:2], sorted(one.records)) == (*other[:2], sorted(other.records))


RECORDS = st.builds(
    scored,
    st.sampled_from(IDS),
    st.integers(0, 2**40),
    st.integers(-(2**62), 2**62),
    st.sampled_from(["create", "edit", "delete"]),
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold but three ids in memory."""
    monkeypatch.setattr(revisions, "YOUNG", 3)


@pytest.mark.usefixtures("few")
@given(every=st.lists(RECORDS, max_size=40), asked=st.lists(st.sampled_from(IDS), unique=True))
def test_all_that_was_taken_in_is_known(every: list[ScoredFeedback], asked: list[str]) -> None:
    held = Revisions(24, Now())
    for number, one in enumerate(every):
        if number % 2:
            held.remember(one)
        else:
            held.restore(Row(0, number, None, one.encode(), 0.0))
    told = {
        identity: [known_from(one) for one in every if one.feedback.id == identity]
        for identity in asked
    }
    found = held.known(asked)
    assert found.keys() == {identity for identity, some in told.items() if some}
    assert all(same(known, reduce(merged, told[identity])) for identity, known in found.items())


@pytest.mark.usefixtures("few")
def test_an_id_is_known_for_a_window_and_forgotten_after_two() -> None:
    now = Now()
    held = Revisions(1, now)
    number = 0

    def take(*ids: str) -> None:
        nonlocal number
        for identity in ids:
            number += 1
            held.remember(scored(identity, number))

    take("early", "b", "c")
    now.at += HOUR
    take("d", "e", "f")
    assert held.known(["early"]), "a window later"
    now.at += HOUR
    take("g", "h", "d")
    assert held.known(["early", "b", "c"]) == {}
    assert sorted(held.known(["d"])["d"].records) == [3 * 4, 3 * 9]
    assert set(held.known(["e", "f", "g"])) == {"e", "f", "g"}


def many(count: int, first: int = 0) -> Sequence[ScoredFeedback]:
    """Return scored records of as many ids."""
    return [scored(f"x:{number}", number) for number in range(first, first + count)]


def test_any_number_of_ids_can_be_asked_for() -> None:
    held = Revisions(24, Now())
    for one in many(3 * revisions.YOUNG):
        held.remember(one)
    for count in (0, 1, 2, 9, 63, 64, 65, 700):
        ids = [f"x:{number * 5}" for number in range(count)]
        expected = {i: Known(0, False, (15 * number,)) for number, i in enumerate(ids)}
        assert held.known(ids) == {i: k for i, k in expected.items() if k.records[0] < 9000}


def test_the_disk_holds_them_and_memory_does_not_grow() -> None:
    held = Revisions(24, Now())
    for one in many(20 * revisions.YOUNG):
        held.remember(one)
    assert len(held._young) < revisions.YOUNG


def test_on_a_full_disk_they_are_held_in_memory_until_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    held = Revisions(24, Now())
    held._file._database.execute("PRAGMA max_page_count = 20")
    count = 10 * revisions.YOUNG
    for one in many(count):
        held.remember(one)
    assert "held in memory" in caplog.text
    assert len(caplog.records) < 15, "it is not tried again with each"
    assert len(held.known([f"x:{number}" for number in range(count)])) == count
    held._file._database.execute("PRAGMA max_page_count = 1000000")
    for one in many(2 * revisions.YOUNG, count):
        held.remember(one)
    assert len(held._young) < revisions.YOUNG
    assert len(held.known([f"x:{number}" for number in range(count)])) == count


def test_a_disk_that_cannot_be_read_is_waited_for() -> None:
    held = Revisions(24, Now())
    held._file._database.execute("DROP TABLE a")
    with pytest.raises(OutsideFault, match="cannot read what is known of ids") as raised:
        held.known(["x:1"])
    assert raised.value.party == "disk"
    assert isinstance(raised.value.__cause__, sqlite3.Error)

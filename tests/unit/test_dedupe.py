"""What is known of ids: the same in memory and on the disk, for a window, on a full disk too."""

import sqlite3
from collections.abc import Sequence
from contextlib import nullcontext
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app import dedupe as revisions
from feedback_app.dedupe import DedupeStore, SeenId, merged, seen_from
from feedback_app.hop import Row, TransientError
from feedback_app.settings import ConfigurationError
from models import Feedback, ScoredFeedback
from tests.support.clocks import HandClock

HOUR = 3600.0
IDS = ("x:1", "x:2", "slack:C1:1.000001", "a\0b", "ключ 'quoted' %")


def scored(identity: str, offset: int, revision: int = 0, kind: str = "create") -> ScoredFeedback:
    """Return a scored record of a raw record at an offset."""
    score = None if kind == "delete" else 0.5
    feedback = Feedback(id=identity, text="", revision=revision, kind=kind)
    return ScoredFeedback(feedback=feedback, score=score, partition=0, offset=offset)


def same(one: SeenId, other: SeenId) -> bool:
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
    monkeypatch.setattr(revisions, "WRITE_BUFFER", 3)


@pytest.mark.usefixtures("few")
@given(every=st.lists(RECORDS, max_size=40), asked=st.lists(st.sampled_from(IDS), unique=True))
def test_all_that_was_taken_in_is_known(every: list[ScoredFeedback], asked: list[str]) -> None:
    held = DedupeStore(24, HandClock())
    for number, one in enumerate(every):
        if number % 3 == 2:
            held.known(asked)
        if number % 2:
            held.remember(one)
        else:
            held.restore(Row(0, number, None, one.encode(), 0.0))
    told = {
        identity: [seen_from(one) for one in every if one.feedback.id == identity]
        for identity in asked
    }
    found = held.known(asked)
    assert found.keys() == {identity for identity, some in told.items() if some}
    assert all(same(known, reduce(merged, told[identity])) for identity, known in found.items())


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("between", [0, 5])
def test_of_a_raw_record_that_was_scored_twice_the_later_word_counts(between: int) -> None:
    held = DedupeStore(24, HandClock())
    held.remember(scored("a", 7, kind="delete"))
    take(held, *(f"x:{number}" for number in range(between)))
    held.known([])
    held.remember(scored("a", 7))
    assert held.known(["a"])["a"].outcome(7) == "scored"
    assert len(held.known(["a"])["a"].records) == 1


def take(held: DedupeStore, *ids: str) -> None:
    """Have scored records of these ids taken in."""
    for number, identity in enumerate(ids):
        held.remember(scored(identity, number))


def test_an_id_is_known_for_a_window_and_forgotten_after_two() -> None:
    clock = HandClock()
    held = DedupeStore(1, clock)
    take(held, "early", "again")
    clock.now += HOUR
    assert set(held.known(["early", "again"])) == {"early", "again"}
    take(held, "late", "again")
    clock.now += HOUR
    assert set(held.known(["early", "again", "late"])) == {"again", "late"}
    assert sorted(held.known(["again"])["again"].records) == [3]
    clock.now += 3 * HOUR
    assert held.known(["again", "late"]) == {}, "nothing came for longer than the window"


def test_a_clock_that_was_ahead_keeps_nothing_for_longer() -> None:
    clock = HandClock()
    clock.now += 10_000 * HOUR
    held = DedupeStore(1, clock)
    clock.now -= 10_000 * HOUR
    take(held, "a")
    for _ in range(4):
        assert held.known(["a"])
        clock.now += HOUR / 2
    assert held.known(["a"]) == {}


def many(count: int, first: int = 0) -> Sequence[ScoredFeedback]:
    """Return scored records of as many ids."""
    return [scored(f"x:{number}", number) for number in range(first, first + count)]


def test_any_number_of_ids_can_be_asked_for() -> None:
    held = DedupeStore(24, HandClock())
    for one in many(3 * revisions.WRITE_BUFFER):
        held.remember(one)
    for count in (0, 1, 2, 9, 63, 64, 65, 700):
        ids = [f"x:{number * 5}" for number in range(count)]
        expected = {i: SeenId(0, False, (15 * number,)) for number, i in enumerate(ids)}
        assert held.known(ids) == {i: k for i, k in expected.items() if k.records[0] < 9000}


def test_the_disk_holds_them_and_memory_does_not_grow() -> None:
    held = DedupeStore(24, HandClock())
    for one in many(20 * revisions.WRITE_BUFFER):
        held.restore(Row(0, 0, None, one.encode(), 0.0))
        assert len(held._write_buffer) <= revisions.WRITE_BUFFER


def test_on_a_full_disk_they_are_held_in_memory_and_then_waited_with(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(revisions, "MAX_BUFFERED", 5 * revisions.WRITE_BUFFER)
    clock = HandClock()
    held = DedupeStore(24, clock)
    held._file._database.execute("PRAGMA max_page_count = 20")
    every = many(12 * revisions.WRITE_BUFFER)
    ids = [one.feedback.id for one in every]
    fault: TransientError | None = None
    taken = 0
    while fault is None:
        some = every[taken : taken + 100]
        clock.now += 1
        try:
            held.known(ids[taken : taken + 100])
        except TransientError as error:
            fault = error
        else:
            take(held, *(one.feedback.id for one in some))
            taken += 100
    assert (fault.dependency, taken) == ("disk", 3000 + 5100), "three thousand found room"
    assert "SQLITE_TMPDIR" in str(fault)
    assert 2 < len(caplog.records) < 12, "it is not tried each time"
    with pytest.raises(TransientError):
        held.known(ids)
    held._file._database.execute("PRAGMA max_page_count = 1000000")
    for _ in range(3):
        assert len(held.known(ids)) == taken
    assert len(held._write_buffer) < revisions.WRITE_BUFFER


def test_a_disk_that_cannot_be_read_is_waited_for() -> None:
    held = DedupeStore(24, HandClock())
    held._file._database.execute("DROP TABLE a")
    with pytest.raises(TransientError, match="cannot read what is known of ids") as raised:
        held.known(["x:1"])
    assert raised.value.dependency == "disk"
    assert isinstance(raised.value.__cause__, sqlite3.Error)


@pytest.mark.parametrize(
    ("code", "stops"), [(sqlite3.SQLITE_CANTOPEN, True), (sqlite3.SQLITE_FULL, False)]
)
def test_a_worker_without_a_directory_for_its_files_does_not_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int, stops: bool
) -> None:
    revisions.probe()
    assert not caplog.records

    def fail(*_: object) -> None:
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(revisions._File, "write", fail)
    with pytest.raises(ConfigurationError, match="SQLITE_TMPDIR") if stops else nullcontext():
        revisions.probe()
    assert bool(caplog.records) is not stops

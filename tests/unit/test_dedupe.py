"""The dedupe store: the same in memory and on disk, for a window, and on a full disk."""

import sqlite3
from collections.abc import Sequence
from contextlib import nullcontext
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app import dedupe_store as dedupe
from feedback_app.dedupe_store import DedupeStore, SeenId, merged, seen_from
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
    """Whether both entries are equal; the order of the records does not matter."""
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
    """Set a write buffer of three ids."""
    monkeypatch.setattr(dedupe, "WRITE_BUFFER", 3)


@pytest.mark.usefixtures("few")
@given(every=st.lists(RECORDS, max_size=40), asked=st.lists(st.sampled_from(IDS), unique=True))
def test_every_id_that_was_added_is_known(every: list[ScoredFeedback], asked: list[str]) -> None:
    store = DedupeStore(24, HandClock())
    for number, one in enumerate(every):
        if number % 3 == 2:
            store.known(asked)
        if number % 2:
            store.remember(one)
        else:
            store.restore(Row(0, number, None, one.encode(), 0.0))
    wanted = {
        identity: [seen_from(one) for one in every if one.feedback.id == identity]
        for identity in asked
    }
    found = store.known(asked)
    assert found.keys() == {identity for identity, some in wanted.items() if some}
    assert all(same(known, reduce(merged, wanted[identity])) for identity, known in found.items())


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("between", [0, 5])
def test_of_a_raw_record_that_was_scored_twice_the_later_outcome_counts(between: int) -> None:
    store = DedupeStore(24, HandClock())
    store.remember(scored("a", 7, kind="delete"))
    add(store, *(f"x:{number}" for number in range(between)))
    store.known([])
    store.remember(scored("a", 7))
    assert store.known(["a"])["a"].outcome(7) == "scored"
    assert len(store.known(["a"])["a"].records) == 1


def add(store: DedupeStore, *ids: str) -> None:
    """Have scored records of these ids added in."""
    for number, identity in enumerate(ids):
        store.remember(scored(identity, number))


def test_an_id_is_remembered_for_a_window_and_forgotten_after_two() -> None:
    clock = HandClock()
    store = DedupeStore(1, clock)
    add(store, "early", "again")
    clock.now += HOUR
    assert set(store.known(["early", "again"])) == {"early", "again"}
    add(store, "late", "again")
    clock.now += HOUR
    assert set(store.known(["early", "again", "late"])) == {"again", "late"}
    assert sorted(store.known(["again"])["again"].records) == [3]
    clock.now += 3 * HOUR
    assert store.known(["again", "late"]) == {}, "nothing was added for longer than two windows"


def test_a_clock_that_was_ahead_does_not_extend_the_window() -> None:
    clock = HandClock()
    clock.now += 10_000 * HOUR
    store = DedupeStore(1, clock)
    clock.now -= 10_000 * HOUR
    add(store, "a")
    for _ in range(4):
        assert store.known(["a"])
        clock.now += HOUR / 2
    assert store.known(["a"]) == {}


def many(count: int, first: int = 0) -> Sequence[ScoredFeedback]:
    """Return scored records of as many ids."""
    return [scored(f"x:{number}", number) for number in range(first, first + count)]


def test_any_number_of_ids_can_be_asked_for() -> None:
    store = DedupeStore(24, HandClock())
    for one in many(3 * dedupe.WRITE_BUFFER):
        store.remember(one)
    for count in (0, 1, 2, 9, 63, 64, 65, 700):
        ids = [f"x:{number * 5}" for number in range(count)]
        expected = {i: SeenId(0, False, (15 * number,)) for number, i in enumerate(ids)}
        assert store.known(ids) == {i: k for i, k in expected.items() if k.records[0] < 9000}


def test_the_disk_holds_them_and_memory_does_not_grow() -> None:
    store = DedupeStore(24, HandClock())
    for one in many(20 * dedupe.WRITE_BUFFER):
        store.restore(Row(0, 0, None, one.encode(), 0.0))
        assert len(store._write_buffer) <= dedupe.WRITE_BUFFER


def test_on_a_full_disk_the_write_buffer_grows_and_then_the_partition_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dedupe, "MAX_BUFFERED", 5 * dedupe.WRITE_BUFFER)
    clock = HandClock()
    store = DedupeStore(24, clock)
    store._file._database.execute("PRAGMA max_page_count = 20")
    every = many(12 * dedupe.WRITE_BUFFER)
    ids = [one.feedback.id for one in every]
    fault: TransientError | None = None
    added = 0
    while fault is None:
        some = every[added : added + 100]
        clock.now += 1
        try:
            store.known(ids[added : added + 100])
        except TransientError as error:
            fault = error
        else:
            add(store, *(one.feedback.id for one in some))
            added += 100
    assert (fault.dependency, added) == ("disk", 3000 + 5100), "three thousand fit on the disk"
    assert "SQLITE_TMPDIR" in str(fault)
    assert 2 < len(caplog.records) < 12, "it is not retried each time"
    with pytest.raises(TransientError):
        store.known(ids)
    store._file._database.execute("PRAGMA max_page_count = 1000000")
    for _ in range(3):
        assert len(store.known(ids)) == added
    assert len(store._write_buffer) < dedupe.WRITE_BUFFER


def test_a_disk_that_cannot_be_read_is_waited_for() -> None:
    store = DedupeStore(24, HandClock())
    store._file._database.execute("DROP TABLE a")
    with pytest.raises(TransientError, match="cannot read what is known of ids") as raised:
        store.known(["x:1"])
    assert raised.value.dependency == "disk"
    assert isinstance(raised.value.__cause__, sqlite3.Error)


@pytest.mark.parametrize(
    ("code", "stops"), [(sqlite3.SQLITE_CANTOPEN, True), (sqlite3.SQLITE_FULL, False)]
)
def test_a_worker_without_a_directory_for_its_files_does_not_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int, stops: bool
) -> None:
    dedupe.probe()
    assert not caplog.records

    def fail(*_: object) -> None:
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(dedupe._File, "write", fail)
    with pytest.raises(ConfigurationError, match="SQLITE_TMPDIR") if stops else nullcontext():
        dedupe.probe()
    assert bool(caplog.records) is not stops

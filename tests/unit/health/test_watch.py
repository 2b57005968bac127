"""When notices begin and end, and the records that carry them from leader to leader."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.health.notices_list import NOTICES, SOURCE_FAILING, SOURCE_SILENT
from feedback_app.health.records import Condition, Key, Record, duration, read
from feedback_app.health.watch import Watch
from models import Cursor

FAILING = Key(SOURCE_FAILING, "x")
SILENT = Key(SOURCE_SILENT, "x")
HOLD, CLEAR = NOTICES[SOURCE_FAILING].hold_s, NOTICES[SOURCE_FAILING].clear_s
WRONG = {FAILING: Condition("x: X answers with 503")}
OPEN = Record(100.0, "x: X answers with 503", told=True)


def test_a_condition_must_last_before_it_is_a_notice() -> None:
    watch = Watch()
    assert watch.step(WRONG, {}, 100) == {}
    assert watch.step(WRONG, {}, 100 + HOLD - 1) == {}
    assert watch.step(WRONG, {}, 100 + HOLD) == {FAILING: Record(100, "x: X answers with 503")}


def test_a_moment_without_it_begins_the_wait_anew() -> None:
    watch = Watch()
    watch.step(WRONG, {}, 100)
    watch.step({}, {}, 100 + HOLD - 1)
    assert watch.step(WRONG, {}, 100 + HOLD) == {}
    assert FAILING in watch.step(WRONG, {}, 100 + 2 * HOLD)


def test_a_notice_ends_when_its_condition_has_been_gone_for_a_while() -> None:
    watch, records = Watch(), {FAILING: OPEN}
    assert watch.step({}, records, 500) == {}
    assert watch.step(WRONG, records, 500 + CLEAR - 1) == {}
    assert watch.step({}, records, 500 + CLEAR) == {}
    (ended,) = watch.step({}, records, 500 + 2 * CLEAR).values()
    assert (ended.since, ended.until, ended.told) == (100, 500 + CLEAR, True)


def test_what_came_back_before_anybody_heard_of_it_goes_on() -> None:
    unheard = Record(100.0, "…", until=200.0)
    (again,) = Watch().step(WRONG, {FAILING: unheard}, 201).values()
    assert again == Record(100.0, "…")
    heard = Record(100.0, "…", told=True, until=200.0)
    assert Watch().step(WRONG, {FAILING: heard}, 201) == {}


def test_a_condition_that_knows_its_beginning_begins_there_with_its_mark() -> None:
    (record,) = Watch().step({SILENT: Condition("…", since=40.0, mark=7)}, {}, 700).values()
    assert (record.since, record.mark) == (40, 7)


def test_a_new_leader_waits_anew() -> None:
    watch = Watch()
    watch.step(WRONG, {}, 100)
    watch.forget()
    assert watch.step(WRONG, {}, 100 + HOLD) == {}


@given(st.lists(st.booleans(), max_size=200))
def test_starts_and_ends_take_turns_and_never_come_closer_than_their_waits(
    wrong: list[bool],
) -> None:
    watch = Watch()
    records: dict[Key, Record] = {}
    told: list[tuple[str, float]] = []
    for now, is_wrong in enumerate(wrong):
        at = now * 10.0
        for key, record in watch.step(WRONG if is_wrong else {}, records, at).items():
            if record.until is None:
                told.append(("start", at))
                records[key] = Record(record.since, record.text, told=True)
            else:
                told.append(("end", at))
                del records[key]
    assert [kind for kind, _ in told] == [("start", "end")[n % 2] for n in range(len(told))]
    for (_, before), (kind, at) in pairwise(told):
        assert at - before >= (CLEAR if kind == "end" else HOLD)


@given(
    st.sampled_from(sorted(NOTICES)),
    st.text(max_size=20),
    st.builds(
        Record,
        since=st.floats(0, 2e9),
        text=st.text(),
        mark=st.integers(0, 1000),
        told=st.booleans(),
        until=st.none() | st.floats(0, 2e9),
    ),
)
def test_a_record_read_back_is_the_one_that_was_written(
    kind: str, subject: str, record: Record
) -> None:
    key = Key(kind, subject)
    cursor = Cursor.decode(record.cursor(key, 1_790_000_000.0).encode())
    (found,) = read({key.record_key: cursor}).items()
    assert found == (key, replace(record, at=1_790_000_000.0))


def test_a_record_is_never_older_than_the_one_it_replaces() -> None:
    cursor = Record(100.0, "…", at=1_790_000_500.0).cursor(FAILING, 1_790_000_000.0)
    assert cursor.at == "2026-09-21T14:21:40.001Z"


@pytest.mark.parametrize(
    ("key", "position"),
    [
        ("notice|source_failing|x", "no JSON"),
        ("notice|source_failing|x", "[]"),
        ("notice|source_failing|x", '{"since": 1, "text": "", "colour": "red"}'),
        ("notice|no_such_kind|x", '{"since": 1, "text": ""}'),
        ("spend|x", "{}"),
        ("x", "1790000000000000000"),
    ],
)
def test_what_is_no_notice_of_this_build_is_left_out(key: str, position: str) -> None:
    assert read({key: Cursor(key, position, "2026-01-01T00:00:00Z")}) == {}


def test_ids_are_of_key_and_start_and_differ_between_start_and_end() -> None:
    ids = {
        record.message_id(key, end=end)
        for record in (Record(100.0, "a"), Record(100.0, "b", told=True), Record(101.0, "a"))
        for key in (FAILING, SILENT)
        for end in (False, True)
    }
    assert len(ids) == 2 * 2 * 2


def test_times_are_said_in_words() -> None:
    assert [duration(n) for n in (9, 119, 120, 7199, 7200)] == [
        "9 s",
        "119 s",
        "2 min",
        "120 min",
        "2.0 h",
    ]
    text = Record(1_790_000_040.0, "x: X answers with 503", until=1_790_000_400.0)
    assert text.start(FAILING) == (
        "⚠️ Source failing: x: X answers with 503 (Sep 21 14:14:00 UTC; runbook: source_failing)"
    )
    assert text.end(FAILING) == (
        "✅ Source failing (x): over after 6 min, Sep 21 14:14:00 UTC to Sep 21 14:20:00 UTC"
    )

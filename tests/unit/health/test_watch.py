"""When notices start and end, and the records that pass them to the next leader."""

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
OPEN = Record(100.0, "x: X answers with 503", start_posted=True)


def test_a_condition_must_last_before_it_is_a_notice() -> None:
    watch = Watch()
    assert watch.step(WRONG, {}, 100) == {}
    assert watch.step(WRONG, {}, 100 + HOLD - 1) == {}
    assert watch.step(WRONG, {}, 100 + HOLD) == {FAILING: Record(100, "x: X answers with 503")}


def test_an_interruption_restarts_the_hold_time() -> None:
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
    assert (ended.since, ended.until, ended.start_posted) == (100, 500 + CLEAR, True)


def test_a_condition_that_returns_before_its_start_is_posted_is_the_same_incident() -> None:
    unposted = Record(100.0, "…", until=200.0)
    (again,) = Watch().step(WRONG, {FAILING: unposted}, 201).values()
    assert again == Record(100.0, "…")
    posted = Record(100.0, "…", start_posted=True, until=200.0)
    assert Watch().step(WRONG, {FAILING: posted}, 201) == {}


def test_a_condition_with_a_known_start_keeps_it_and_its_baseline() -> None:
    (record,) = Watch().step({SILENT: Condition("…", since=40.0, baseline=7)}, {}, 700).values()
    assert (record.since, record.baseline) == (40, 7)


def test_a_new_leader_restarts_the_timers() -> None:
    watch = Watch()
    watch.step(WRONG, {}, 100)
    watch.reset()
    assert watch.step(WRONG, {}, 100 + HOLD) == {}


@given(st.lists(st.booleans(), max_size=200))
def test_starts_and_ends_alternate_and_are_at_least_their_hold_times_apart(
    wrong: list[bool],
) -> None:
    watch = Watch()
    records: dict[Key, Record] = {}
    events: list[tuple[str, float]] = []
    for now, is_wrong in enumerate(wrong):
        at = now * 10.0
        for key, record in watch.step(WRONG if is_wrong else {}, records, at).items():
            if record.until is None:
                events.append(("start", at))
                records[key] = Record(record.since, record.text, start_posted=True)
            else:
                events.append(("end", at))
                del records[key]
    assert [kind for kind, _ in events] == [("start", "end")[n % 2] for n in range(len(events))]
    for (_, before), (kind, at) in pairwise(events):
        assert at - before >= (CLEAR if kind == "end" else HOLD)


@given(
    st.sampled_from(sorted(NOTICES)),
    st.text(max_size=20),
    st.builds(
        Record,
        since=st.floats(0, 2e9),
        text=st.text(),
        baseline=st.integers(0, 1000),
        start_posted=st.booleans(),
        until=st.none() | st.floats(0, 2e9),
    ),
)
def test_a_record_survives_a_round_trip(kind: str, subject: str, record: Record) -> None:
    key = Key(kind, subject)
    cursor = Cursor.decode(record.cursor(key, 1_790_000_000.0).encode())
    (found,) = read({key.record_key: cursor}).items()
    assert found == (key, replace(record, at=1_790_000_000.0))


def test_the_names_in_json_stay_as_workers_of_other_versions_know_them() -> None:
    cursor = Record(100.0, "…", baseline=7, start_posted=True).cursor(FAILING, 200.0)
    assert cursor.position == (
        '{"since":100.0,"text":"…","mark":7,"told":true,"until":null,"at":null}'
    )


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
def test_a_notice_that_this_version_does_not_know_is_skipped(key: str, position: str) -> None:
    assert read({key: Cursor(key, position, "2026-01-01T00:00:00Z")}) == {}


def test_ids_depend_on_key_and_start_time_and_differ_between_start_and_end() -> None:
    ids = {
        record.message_id(key, end=end)
        for record in (
            Record(100.0, "a"),
            Record(100.0, "b", start_posted=True),
            Record(101.0, "a"),
        )
        for key in (FAILING, SILENT)
        for end in (False, True)
    }
    assert len(ids) == 2 * 2 * 2


def test_times_are_formatted_for_display() -> None:
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

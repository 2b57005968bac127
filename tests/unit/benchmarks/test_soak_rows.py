"""The rows of the soak test: which fail, and how they add up."""

from pathlib import Path

import pytest

from benchmarks import soak_rows

ROW: soak_rows.Row = {
    "schedule": 0,
    "seed": 1,
    "messages": 10,
    "lost": 0,
    "doubled_seen": 0,
    "doubled_left": 0,
    "dead_letters": 0,
    "recovery_s": 2.5,
    "recovery_by_kind": {},
    "faults": {"kill-worker": 1},
    "problems": [],
}


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, False),
        ({"lost": 1}, True),
        ({"doubled_left": 1}, True),
        ({"doubled_seen": 1}, True),
        ({"doubled_seen": 1, "faults": {"zombie": 1}}, False),
        ({"problems": ["one"]}, True),
        ({"recovery_by_kind": {"kill-worker": 29.0}}, False),
        ({"recovery_by_kind": {"kill-worker": 31.0}}, True),
        ({"recovery_by_kind": {"stop-worker": 3.0}}, True),
    ],
)
def test_a_row_fails_for_what_breaks_the_promise(change: soak_rows.Row, fails: bool) -> None:
    assert bool(soak_rows.failures({**ROW, **change})) == fails


def test_rows_are_summed_and_resumed_from(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    assert soak_rows.following(soak_rows.read(path)) == 0
    soak_rows.append(path, ROW)
    with path.open("ab") as file:
        file.write(b'{"schedule": 1, "mess')  # killed while it wrote
    soak_rows.append(path, {**ROW, "schedule": 1, "recovery_s": 7.0})
    rows = soak_rows.read(path)
    assert soak_rows.following(soak_rows.of_seed(rows, 1)) == 2
    assert soak_rows.following(soak_rows.of_seed(rows, 2)) == 0
    assert soak_rows.summary(rows) == {
        "schedules": 2,
        "messages": 20,
        "lost": 0,
        "doubled_seen": 0,
        "doubled_left": 0,
        "longest_recovery_s": 7.0,
    }

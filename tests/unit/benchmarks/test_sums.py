"""The calculations of the benchmarks."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.memory import slope
from benchmarks.peers.fields import columns, names
from benchmarks.peers.programs import WITHOUT_VECTORS
from benchmarks.peers.table import table, verdict
from benchmarks.scaling.burst import in_order
from benchmarks.scaling.calculation import Costs, needs
from benchmarks.scaling.load import PARTITIONS, Stamped, longest_gap

FIGURES = {
    "per_second": 1000.0,
    "cpu_ms": 1.0,
    "p50_ms": 10.0,
    "p99_ms": 20.0,
    "start_s": 5.0,
    "peak_mb": 100.0,
    "messages": 10_000.0,
    "seconds": 10.0,
    "slow": 300.0,
    "load": 0.5,
    "at": 1_800_000_000.0,
}
COSTS = Costs(model_ms=1.0, outside_ms=0.2, broker_ms=0.05, stored_bytes=1000.0)


def rows(times: dict[int, list[float]]) -> list[Stamped]:
    """Return records at these times by partition; the others have one a second up to 60."""
    every = {number: [float(second) for second in range(61)] for number in range(PARTITIONS)}
    return [
        Stamped(partition, offset, at, b"")
        for partition, found in (every | times).items()
        for offset, at in enumerate(found)
    ]


def test_the_longest_gap_is_that_of_the_stalled_partition() -> None:
    assert longest_gap(rows({3: [0.0, 10.0, 14.5, 20.0]}), 5, 18) == 5.0


def test_a_gap_counts_by_its_part_within_the_moments() -> None:
    assert longest_gap(rows({3: [0.0, 60.0]}), 10, 30) == 20.0


def test_a_partition_without_records_is_one_gap() -> None:
    assert longest_gap(rows({7: []}), 10, 30) == 20.0


def test_order_is_kept_where_each_partition_brings_its_offsets_once_each() -> None:
    raw = [Stamped(p, offset, 0.0, b"") for offset in range(3) for p in (0, 1)]
    right = [(Stamped(row.partition, n, 1.0, b""), row.offset) for n, row in enumerate(raw)]
    assert in_order(raw, right)
    swapped = [right[2], right[1], right[0], *right[3:]]
    assert not in_order(raw, swapped)
    assert not in_order(raw, right[:-1])
    assert not in_order(raw, [*right, right[-1]])


def test_the_needs_of_a_small_rate_are_the_least_that_survives_a_failure() -> None:
    small = needs(COSTS, 10_000)
    assert (small.workers, small.worker_cores, small.partitions, small.broker_cores) == (
        2,
        4,
        12,
        6,
    )
    assert small.busy_cores == pytest.approx(0.2)
    assert small.disk_gb == pytest.approx(10_000 / 60 * 1000 * 3 * 7 * 86_400 / 1e9)


def test_the_needs_of_a_large_rate_follow_the_costs() -> None:
    large = needs(COSTS, 1_000_000)
    # 20 busy cores are 33.3 at 60 %, so nine workers of four.
    assert large.busy_cores == pytest.approx(20)
    assert (large.workers, large.worker_cores, large.partitions) == (9, 36, 48)
    cores, disk = large.worker_cores + large.broker_cores, large.disk_gb
    assert large.price == pytest.approx(cores * 0.04 * 730 + disk * 0.10)


def test_the_slope_is_that_of_the_line() -> None:
    assert slope([(0, 100.0), (10, 120.0), (20, 140.0)]) == pytest.approx(2.0)


def test_a_table_has_the_rows_of_its_job_the_cheapest_first() -> None:
    figures = {
        "ours own": FIGURES,
        "confluent own": FIGURES | {"cpu_ms": 0.5},
        "ours none": FIGURES,
    }
    whole = table("whole", figures).splitlines()
    assert [line.split("|")[1].strip() for line in whole[2:]] == [
        "confluent-kafka 2.12.2, bare loop",
        "this pipeline",
    ]
    assert len(table("hop", figures).splitlines()) == 3


@pytest.mark.parametrize(
    ("cpu_ms", "expected"), [(0.5, "beats by 2.0"), (1.2, "ties with"), (1.4, "no peer ties")]
)
def test_the_verdict_names_better_peers_and_ties(cpu_ms: float, expected: str) -> None:
    found = verdict("hop", {"ours none": FIGURES, "quix none": FIGURES | {"cpu_ms": cpu_ms}})
    assert expected in found.splitlines()[0]


def test_the_columns_of_both_jobs_are_those_of_their_records() -> None:
    assert names("none") == ["id", "text", "source", "lang", "author", "created_at"]
    assert names("own")[: len(names("none"))] == names("none")
    assert columns("own").count("`") == 2 * len(names("own"))


def test_java_gets_every_option_but_the_missing_module(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text(WITHOUT_VECTORS.format(java="/usr/bin/printf"))
    words = ["%s\n", "-cp", "a b", "--add-modules=jdk.incubator.vector", "Main"]
    done = subprocess.run(["sh", str(java), *words], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines() == ["-cp", "a b", "Main"]

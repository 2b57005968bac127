"""The guard of the benchmarks: what counts as worse."""

import pytest

from benchmarks.limits import LIMITS, failures

RECORDED = {
    "hop_cpu_ms": 0.01,
    "hop_vs_aiokafka_cpu": 0.5,
    "share_of_scorer": 0.95,
    "cpu_ms_outside_model": 0.1,
    "p50_ms": 15.0,
    "p99_ms": 40.0,
}


def test_the_recorded_figures_pass_and_so_do_better_ones() -> None:
    assert failures(RECORDED, RECORDED) == []
    better = {n: v * 2 if LIMITS[n].higher_is_better else v / 2 for n, v in RECORDED.items()}
    assert failures(better, RECORDED) == []


@pytest.mark.parametrize("name", LIMITS)
def test_each_figure_fails_alone_past_its_tolerance_and_not_before(name: str) -> None:
    limit = LIMITS[name]
    for share, expected in ((0.99, []), (1.01, [name])):
        factor = limit.factor * share
        moved = RECORDED[name] / factor if limit.higher_is_better else RECORDED[name] * factor
        assert failures(RECORDED | {name: moved}, RECORDED) == expected


def test_what_was_never_recorded_passes() -> None:
    assert failures(RECORDED, {}) == []

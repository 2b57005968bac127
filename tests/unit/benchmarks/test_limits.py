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


def test_on_a_machine_half_as_fast_times_may_double_and_ratios_may_not() -> None:
    slow = {n: v * 2 if LIMITS[n].time else v for n, v in RECORDED.items()}
    assert failures(slow, RECORDED) == []
    assert failures(RECORDED, slow) == []
    late = slow | {"p50_ms": RECORDED["p50_ms"] * 2 * 2.1, "share_of_scorer": 0.8}
    assert failures(late, RECORDED) == ["share_of_scorer", "p50_ms"]


@pytest.mark.parametrize("name", sorted(LIMITS.keys() - {"hop_cpu_ms", "hop_vs_aiokafka_cpu"}))
def test_each_figure_fails_alone_past_its_tolerance_and_not_before(name: str) -> None:
    limit = LIMITS[name]
    for share, expected in ((0.99, []), (1.01, [name])):
        factor = limit.factor * share
        moved = RECORDED[name] / factor if limit.higher_is_better else RECORDED[name] * factor
        assert failures(RECORDED | {name: moved}, RECORDED) == expected


def test_a_dearer_hop_fails_by_the_ratio_to_the_bare_loop() -> None:
    dearer = RECORDED | {"hop_cpu_ms": 0.01 * 1.6, "hop_vs_aiokafka_cpu": 0.5 * 1.6}
    assert failures(dearer, RECORDED) == ["hop_cpu_ms", "hop_vs_aiokafka_cpu"]


def test_what_was_never_recorded_passes() -> None:
    assert failures(RECORDED, {}) == []

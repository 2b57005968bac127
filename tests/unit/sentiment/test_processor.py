"""Processor features and available cores."""

import os

import pytest

from feedback_app.sentiment import processor

INTEL = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n\nprocessor\t: 1\n"
OLD = "processor\t: 0\nflags\t\t: fpu avx avx2 fma\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n"


@pytest.mark.parametrize(
    ("cpuinfo", "fast"), [(INTEL, True), (ARM, True), (OLD, False), ("model name: x\n", False)]
)
def test_bf16_is_detected_from_the_flags(cpuinfo: str, fast: bool) -> None:
    assert processor.multiplies_bf16(processor.parse_flags(cpuinfo)) is fast


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("50000 100000", 0.5)],
)
def test_the_quota_of_a_control_group(cpu_max: str, cores: float | None) -> None:
    assert processor.quota(cpu_max) == cores


def test_threads_are_shared_by_the_workers_of_a_machine() -> None:
    alone = processor.threads_for()
    assert 1 <= alone <= (os.cpu_count() or 1)
    assert processor.threads_for(alone) == 1
    assert processor.threads_for(1000) == 1

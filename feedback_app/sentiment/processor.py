"""Detects processor features and the cores available to this process."""

import os
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # Intel, Intel and AMD, Arm


def parse_flags(cpuinfo: str) -> frozenset[str]:
    """Return the feature flags of the first processor in the text of `/proc/cpuinfo`."""
    match = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    return frozenset(match[1].split()) if match else frozenset()


def multiplies_bf16(flags: frozenset[str]) -> bool:
    """Return whether a processor with these flags multiplies bfloat16 faster than float32."""
    return bool(flags & _BF16_FLAGS)


def own_flags() -> frozenset[str]:
    """Return the flags of this machine's processor; empty if the system does not list them."""
    return parse_flags(_CPUINFO.read_text()) if _CPUINFO.exists() else frozenset()


def quota(cpu_max: str) -> float | None:
    """Return the CPU quota of a control group, in cores, from `cpu.max`; None means no limit."""
    limit, period = cpu_max.split()
    return None if limit == "max" else int(limit) / int(period)


def threads_for(workers: int = 1) -> int:
    """Return the computing threads for one of `workers` processes that share this machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    cpu_quota = quota(_QUOTA.read_text()) if _QUOTA.exists() else None
    if cpu_quota is not None:
        cores = min(cores, max(1, int(cpu_quota)))
    return max(1, cores // max(1, workers))

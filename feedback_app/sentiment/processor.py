"""What this machine's processor can do, and how much of it is ours."""

import os
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # Intel, Intel and AMD, Arm


def flags(cpuinfo: str) -> frozenset[str]:
    """Return the feature flags of the first processor in the text of `/proc/cpuinfo`."""
    match = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    return frozenset(match[1].split()) if match else frozenset()


def multiplies_bf16(found: frozenset[str]) -> bool:
    """Tell whether a processor with these flags multiplies bfloat16 faster than float32."""
    return bool(found & _BF16_FLAGS)


def own_flags() -> frozenset[str]:
    """Return the flags of this machine's processor; none where the system does not list them."""
    return flags(_CPUINFO.read_text()) if _CPUINFO.exists() else frozenset()


def quota(cpu_max: str) -> float | None:
    """Return the processors that a control group grants, from its `cpu.max`; None is no limit."""
    limit, period = cpu_max.split()
    return None if limit == "max" else int(limit) / int(period)


def threads_for(workers: int = 1) -> int:
    """Return the computing threads for one of `workers` processes that share this machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    granted = quota(_QUOTA.read_text()) if _QUOTA.exists() else None
    if granted is not None:
        cores = min(cores, max(1, int(granted)))
    return max(1, cores // max(1, workers))

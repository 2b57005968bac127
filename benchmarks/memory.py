"""One worker at full load: its memory over time, and the time to its first score.

    python -m benchmarks.memory [--minutes M]

Keeps a backlog and samples the resident memory; the slope is that of the second half. Ends with one
line of JSON.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.testbed import Process, Testbed
from benchmarks.texts import texts

SETTINGS = {
    "FEEDBACK_NEGATIVE_BELOW": "0.001",
    "FEEDBACK_POSITIVE_ABOVE": "0.999",
}
BACKLOG = 20_000
"""The least number of waiting messages."""
EVERY_S = 5.0
MB = 1e6
TORCH = "import torch, psutil; print(psutil.Process().memory_info().rss)"


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through (seconds, value)."""
    times, values = zip(*samples, strict=True)
    return statistics.linear_regression(times, values).slope


def torch_alone() -> int:
    """Return the resident bytes of a process that only imports torch."""
    done = subprocess.run([sys.executable, "-c", TORCH], capture_output=True, check=True)
    return int(done.stdout)


async def first_scored(testbed: Testbed, began: float) -> float:
    """Return the seconds from `began` to the first record in `scored`."""
    async with asyncio.timeout(120):
        while not await testbed.count(testbed.topics.scored.name):
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def sampled(testbed: Testbed, worker: Process, minutes: float) -> dict[str, float]:
    """Return the figures of so many minutes at full load."""
    every = texts(BACKLOG)
    began, filled = time.monotonic(), BACKLOG
    samples: list[tuple[float, float]] = []
    while (now := time.monotonic() - began) < minutes * 60:
        samples.append((now, worker.rss() / MB))
        if filled - await testbed.count(testbed.topics.scored.name) < BACKLOG:
            await testbed.fill(every, first=filled)
            filled += BACKLOG
        print(f"{now:6.0f} s  {samples[-1][1]:8.1f} MB", file=sys.stderr, flush=True)
        await asyncio.sleep(EVERY_S)
    half = samples[len(samples) // 2 :]
    scored = await testbed.count(testbed.topics.scored.name)
    return {
        "minutes": minutes,
        "scored": float(scored),
        "per_second": scored / (time.monotonic() - began),
        "last_mb": samples[-1][1],
        "peak_mb": max(value for _, value in samples),
        "slope_mb_per_hour": slope(half) * 3600,
    }


async def measure(minutes: float) -> dict[str, float]:
    """Return all figures of one run."""
    base = torch_alone() / MB
    async with Testbed(SETTINGS) as testbed:
        await testbed.fill(texts(BACKLOG))
        began = time.monotonic()
        worker = await testbed.worker()
        start = await first_scored(testbed, began)
        found = await sampled(testbed, worker, minutes)
    return {
        "start_to_first_scored_s": start,
        **found,
        "torch_mb": base,
        "above_torch_mb": found["last_mb"] - base,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    given = parser.parse_args(argv)
    found = asyncio.run(measure(given.minutes))
    for name, value in found.items():
        print(f"{name:24} {value:12,.3f}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()

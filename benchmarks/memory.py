"""One worker at full load: whether its memory stays flat, and how soon it scores.

    python -m benchmarks.memory [--minutes M]

The backlog is kept full. Every few seconds the resident memory is noted; the slope is that of the
second half. Ends with one line of JSON.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.stand import Process, Stand
from benchmarks.texts import texts

SETTINGS = {
    "FEEDBACK_NEGATIVE_BELOW": "0.001",
    "FEEDBACK_POSITIVE_ABOVE": "0.999",
}
AHEAD = 20_000
"""How many messages wait at least."""
EVERY_S = 5.0
MB = 1e6
TORCH = "import torch, psutil; print(psutil.Process().memory_info().rss)"


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Return the rise a second of the line through (seconds, value), by least squares."""
    times, values = zip(*samples, strict=True)
    return statistics.linear_regression(times, values).slope


def torch_alone() -> int:
    """Return the resident bytes of a process that has only imported torch."""
    done = subprocess.run([sys.executable, "-c", TORCH], capture_output=True, check=True)
    return int(done.stdout)


async def first_scored(stand: Stand, began: float) -> float:
    """Return the seconds from `began` until there is a record in `scored`."""
    async with asyncio.timeout(120):
        while not await stand.count(stand.topics.scored.name):
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def sampled(stand: Stand, worker: Process, minutes: float) -> dict[str, float]:
    """Return the memory over so many minutes at full load."""
    every = texts(AHEAD)
    began, filled = time.monotonic(), AHEAD
    samples: list[tuple[float, float]] = []
    while (now := time.monotonic() - began) < minutes * 60:
        samples.append((now, worker.rss() / MB))
        if filled - await stand.count(stand.topics.scored.name) < AHEAD:
            await stand.fill(every, first=filled)
            filled += AHEAD
        print(f"{now:6.0f} s  {samples[-1][1]:8.1f} MB", file=sys.stderr, flush=True)
        await asyncio.sleep(EVERY_S)
    half = samples[len(samples) // 2 :]
    scored = await stand.count(stand.topics.scored.name)
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
    async with Stand(SETTINGS) as stand:
        await stand.fill(texts(AHEAD))
        began = time.monotonic()
        worker = await stand.worker()
        start = await first_scored(stand, began)
        found = await sampled(stand, worker, minutes)
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

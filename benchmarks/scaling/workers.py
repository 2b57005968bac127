"""One, two and four workers over 12 partitions, and a second group that reads `scored`.

The workers share every core with Kafka, so compare CPU per message; messages a second are bounded
by the cores.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import psutil

from benchmarks.testbed import Process, Testbed
from benchmarks.texts import texts

HASHING = {"FEEDBACK_MODEL": "hashing"}
QUIET = {"FEEDBACK_NEGATIVE_BELOW": "0.001", "FEEDBACK_POSITIVE_ABOVE": "0.999"}
COUNTS = (1, 2, 4)
LIMIT_S = 240.0
SETTLE_S = 3.0
"""Time for the group to assign its partitions."""


async def measure(
    workers: int, messages: int, settings: Mapping[str, str], reader: bool = False
) -> dict[str, float]:
    """Return messages a second and CPU milliseconds a message, all workers together.

    With `reader` a second group decodes `scored`; its CPU is `reader_cpu_ms`.
    """
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    divided = {"FEEDBACK_MODEL_THREADS": str(threads)}
    async with AsyncExitStack() as stack:
        testbed = await stack.enter_async_context(
            Testbed({**QUIET, **divided, **settings}, spread=True)
        )
        running = [await testbed.worker() for _ in range(workers)]
        for worker in running:
            await worker.ready()
        second = await reading(stack, testbed) if reader else None
        await asyncio.sleep(SETTLE_S)
        before, began = used(running), time.monotonic()
        read_before = second.cpu_times() if second else None
        await testbed.fill(texts(messages))
        await drained(testbed, messages)
        wall = time.monotonic() - began
        await asyncio.sleep(1)  # for the alerts stage to catch up
        found = {
            "per_second": messages / wall,
            "cpu_ms": (used(running) - before) * 1000 / messages,
        }
        if second is not None and read_before is not None:
            now = second.cpu_times()
            spent = now.user + now.system - read_before.user - read_before.system
            found["reader_cpu_ms"] = spent * 1000 / messages
    return found


async def drained(testbed: Testbed, messages: int) -> None:
    """Return once so many records are in `scored`; raises TimeoutError."""
    async with asyncio.timeout(LIMIT_S):
        while await testbed.count(testbed.topics.scored.name) < messages:
            await asyncio.sleep(0.1)


async def reading(stack: AsyncExitStack, testbed: Testbed) -> psutil.Process:
    """Start a consumer of `scored` in a group of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.scaling.reader"),
        *(testbed.bootstrap, testbed.topics.scored.name),
    )

    async def end() -> None:
        process.kill()
        await process.wait()

    stack.push_async_callback(end)
    return psutil.Process(process.pid)


def used(workers: Sequence[Process]) -> float:
    """Return the CPU seconds of all workers."""
    return sum(worker.cpu() for worker in workers)


async def compare(messages: int, model: bool) -> dict[str, float]:
    """Return the figures of each count of workers, and their ratios to those of one worker."""
    settings: dict[str, str] = {} if model else HASHING
    found: dict[str, float] = {}
    for count in COUNTS:
        # One thread for a single worker too, to make the counts comparable.
        alone = {"FEEDBACK_MODEL_THREADS": "1"} if count == 1 else {}
        figures = await measure(count, messages, settings | alone)
        found |= {f"{count}_{name}": value for name, value in figures.items()}
        print(f"{count} workers: {figures}", flush=True)
    for count in COUNTS[1:]:
        found[f"{count}_cpu_ratio"] = found[f"{count}_cpu_ms"] / found["1_cpu_ms"]
        found[f"{count}_speed_ratio"] = found[f"{count}_per_second"] / found["1_per_second"]
    return found


async def with_reader(messages: int, model: bool) -> dict[str, float]:
    """Return the figures of one worker without and with a second group on `scored`."""
    settings: dict[str, str] = {} if model else HASHING
    without = await measure(1, messages, settings)
    beside = await measure(1, messages, settings, reader=True)
    return {
        **{f"without_{name}": value for name, value in without.items()},
        **{f"with_{name}": value for name, value in beside.items()},
        "cpu_ratio": beside["cpu_ms"] / without["cpu_ms"],
        "speed_ratio": beside["per_second"] / without["per_second"],
    }

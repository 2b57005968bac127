"""The whole pipeline on one core and one thread over a backlog, against its scorer alone.

    python -m benchmarks.throughput [--messages N] [--untagged] [--profile OUT.txt]

From `raw` until the Slack stand-in has every alert; one message in 50 alerts. Kafka and the
stand-in have the other core. The scorer alone is measured before and after, because the pace of
the machine varies. Ends with one line of JSON.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.testbed import Process, Testbed, on, split
from benchmarks.texts import Text, texts

ALERT_ONE_IN = 50
LIMIT_S = 240.0
LEAST_ALERTS = 60
"""At least one message in so many alerts; the thresholds are set for one in 50."""


@dataclass(frozen=True)
class Alone:
    """The scorer alone."""

    per_second: float
    cpu_ms: float
    scores: Sequence[float]


def alone(every: Sequence[Text], cpu: int, folder: Path) -> Alone:
    """Measure the scorer alone, in a process of its own on one CPU."""
    path = folder / "texts.json"
    path.write_bytes(orjson.dumps([text.text for text in every]))
    with on([cpu]):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.alone", str(path)],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[1],
        )
    found = orjson.loads(done.stdout.splitlines()[-1])
    count = len(every)
    return Alone(count / found["seconds"], found["cpu_s"] * 1000 / count, found["scores"])


def thresholds(scores: Sequence[float]) -> dict[str, str]:
    """Return the settings at which one message in 50 alerts, half of them negative."""
    cuts = statistics.quantiles(scores, n=2 * ALERT_ONE_IN)
    return {
        "FEEDBACK_NEGATIVE_BELOW": f"{cuts[0]:.6f}",
        "FEEDBACK_POSITIVE_ABOVE": f"{cuts[-1]:.6f}",
    }


async def drained(testbed: Testbed, worker: Process, messages: int) -> dict[str, float]:
    """Return the figures from a tenth of the backlog to the last alert in Slack."""
    deadline = time.monotonic() + LIMIT_S
    scored, first = 0, 0
    while scored < messages // 10:
        await asyncio.sleep(0.05)
        scored = await testbed.count(testbed.topics.scored.name)
        _check(worker, deadline)
    first, began, used, threads = scored, time.monotonic(), worker.cpu(), worker.threads()
    while scored < messages:
        await asyncio.sleep(0.05)
        scored = await testbed.count(testbed.topics.scored.name)
        _check(worker, deadline)
    through = time.monotonic() - began
    least = messages // LEAST_ALERTS
    while (alerts := await testbed.count(testbed.topics.alerts.name)) < least or len(
        testbed.posted()
    ) < alerts:
        await asyncio.sleep(0.05)
        _check(worker, deadline)
    wall, total = time.monotonic() - began, worker.cpu() - used
    count = messages - first
    each = [now - threads.get(number, 0.0) for number, now in worker.threads().items()]
    # The busiest thread is that of the model.
    model = max(each)
    return {
        "per_second": count / wall,
        "scored_per_second": count / through,
        "cpu_ms": total * 1000 / count,
        "cpu_ms_model": model * 1000 / count,
        "cpu_ms_outside_model": (total - model) * 1000 / count,
        "alerts": float(alerts),
    }


def _check(worker: Process, deadline: float) -> None:
    if worker.process.returncode is not None or time.monotonic() > deadline:
        sys.exit(f"the worker makes no progress:\n{worker.log.read_text()[-2000:]}")


async def measure(
    messages: int, tagged: bool = True, profile: Path | None = None
) -> dict[str, float]:
    """Return all figures of one run."""
    every = texts(messages, tagged=tagged)
    cpu, _ = split()
    async with Testbed() as testbed:
        by_itself = await asyncio.to_thread(alone, every, cpu, testbed.folder)
        testbed.environment |= thresholds(by_itself.scores)
        await testbed.fill(every)
        worker = await testbed.worker()
        if profile is not None:
            spy = await _spy(worker, profile)
        found = await drained(testbed, worker, messages)
        if profile is not None:
            await spy.wait()
        await worker.stop()
        after = await asyncio.to_thread(alone, every, cpu, testbed.folder)
    per_second = statistics.harmonic_mean([by_itself.per_second, after.per_second])
    cpu_ms = statistics.mean([by_itself.cpu_ms, after.cpu_ms])
    return {
        "alone_per_second": per_second,
        "alone_cpu_ms": cpu_ms,
        "share_of_scorer": found["per_second"] / per_second,
        "share_of_scorer_cpu": cpu_ms / found["cpu_ms"],
        **found,
    }


async def _spy(worker: Process, out: Path) -> asyncio.subprocess.Process:
    spy = Path(sys.executable).with_name("py-spy")
    if not spy.exists():
        sys.exit(f"--profile needs py-spy: {sys.executable} -m pip install py-spy")
    await worker.ready()
    return await asyncio.create_subprocess_exec(
        *(
            str(spy),
            "record",
            "--pid",
            str(worker.process.pid),
            "--duration",
            "15",
        ),
        *("--threads", "--rate", "200", "--format", "raw", "--output", str(out)),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--untagged", action="store_true", help="no source names a language")
    parser.add_argument("--profile", type=Path, help="write 15 s of py-spy's raw stacks there")
    given = parser.parse_args(argv)
    found = asyncio.run(measure(given.messages, not given.untagged, given.profile))
    for name, value in found.items():
        print(f"{name:22} {value:12,.4f}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""One worker and two: CPU seconds a message, and messages a second.

    python -m benchmarks.scaling [--messages N] [--model]

The backlog goes through the whole pipeline; by default with the scorer that hashes, so that what is
measured is the pipeline. The workers have every core, as has Kafka, so the CPU a message is what
tells; messages a second tell only as far as there are cores. Ends with one line of JSON.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence

from benchmarks.stand import Process, Stand
from benchmarks.texts import texts

QUIET = {"FEEDBACK_NEGATIVE_BELOW": "0.001", "FEEDBACK_POSITIVE_ABOVE": "0.999"}
LIMIT_S = 240.0


async def measure(workers: int, messages: int, settings: dict[str, str]) -> dict[str, float]:
    """Return messages a second and CPU milliseconds a message, all workers together."""
    async with Stand(QUIET | settings, spread=True) as stand:
        running = [await stand.worker() for _ in range(workers)]
        for worker in running:
            await worker.ready()
        await asyncio.sleep(3)  # the group settles
        before = used(running)
        began = time.monotonic()
        await stand.fill(texts(messages))
        while await stand.count(stand.topics.scored.name) < messages:
            if time.monotonic() - began > LIMIT_S:
                raise TimeoutError("the backlog did not drain")
            await asyncio.sleep(0.1)
        wall = time.monotonic() - began
        await asyncio.sleep(1)  # the alerts stage ends behind
        cpu = used(running) - before
    return {"per_second": messages / wall, "cpu_ms": cpu * 1000 / messages}


def used(workers: Sequence[Process]) -> float:
    """Return the CPU seconds of all workers."""
    return sum(worker.cpu() for worker in workers)


async def run(messages: int, settings: dict[str, str]) -> dict[str, float]:
    """Measure one worker, then two, and compare."""
    one = await measure(1, messages, settings)
    two = await measure(2, messages, settings)
    return {
        "one_per_second": one["per_second"],
        "two_per_second": two["per_second"],
        "one_cpu_ms": one["cpu_ms"],
        "two_cpu_ms": two["cpu_ms"],
        "cpu_ratio": two["cpu_ms"] / one["cpu_ms"],
        "speed_ratio": two["per_second"] / one["per_second"],
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--model", action="store_true", help="the bundled model, not the hashes")
    given = parser.parse_args(argv)
    settings = {} if given.model else {"FEEDBACK_MODEL": "hashing"}
    found = asyncio.run(run(given.messages, settings))
    for name, value in found.items():
        print(f"{name:16} {value:12,.4f}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""The sums for large rates, checked at ten times this machine's: hashing stands for the model.

The model takes most of a message's CPU, so without it the same cores carry a multiple of the rate:
what the pipeline, Kafka and the accounts cost a message there is what the sums build on.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.scaling.calculation import Costs, table
from benchmarks.scaling.workers import HASHING, QUIET, SETTLE_S, drained, used
from benchmarks.stand import Stand, split
from benchmarks.texts import texts
from benchmarks.throughput import alone

MODEL_MESSAGES = 3_000
PARTITIONS = 48
WORKERS = 2
RATES = (10_000.0, 1_000_000.0)


async def measure(messages: int) -> dict[str, float]:
    """Return the costs a message at 48 partitions and two workers, and the rate reached.

    `times_this_machine` compares the rate a core with that of a core that has the model.
    """
    cpu, _ = split()
    async with Stand(QUIET | HASHING, partitions=PARTITIONS, spread=True) as stand:
        model = await asyncio.to_thread(alone, texts(MODEL_MESSAGES), cpu, stand.folder)
        running = [await stand.worker() for _ in range(WORKERS)]
        for worker in running:
            await worker.ready()
        await asyncio.sleep(SETTLE_S)
        broker = broker_process()
        before, broker_before = used(running), cpu_of(broker)
        stats_before = await count(stand.bootstrap, stand.topics.stats.name)
        began = time.monotonic()
        await stand.fill(texts(messages))
        await drained(stand, messages)
        wall = time.monotonic() - began
        await asyncio.sleep(1)  # the alerts stage ends behind
        cpu_ms = (used(running) - before) * 1000 / messages
        broker_ms = (cpu_of(broker) - broker_before) * 1000 / messages
        accounts = await count(stand.bootstrap, stand.topics.stats.name) - stats_before
        names = (stand.topics.raw.name, stand.topics.scored.name)
        stored = sum(stored_bytes(stand.folder / "kafka", name) for name in names)
    return {
        "per_second": messages / wall,
        "outside_ms": cpu_ms,
        "model_ms": model.cpu_ms,
        "broker_ms": broker_ms,
        "stored_bytes": stored / messages,
        "accounts": accounts / messages,
        "times_this_machine": (model.cpu_ms + cpu_ms) / cpu_ms,
    }


def shown(found: Mapping[str, float]) -> str:
    """Return the needs of both rates by what was measured, in Markdown."""
    costs = Costs(**{name: found[name] for name in Costs.__slots__})
    return table(costs, RATES)


def broker_process() -> psutil.Process:
    """Return the broker that this process has started."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.name() == "java":
                return process
    raise RuntimeError("no broker runs below this process")


def cpu_of(process: psutil.Process) -> float:
    """Return the CPU seconds of a process."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def count(bootstrap: str, topic: str) -> int:
    """Return how many records a topic of one partition has taken."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as reader:
        tp = TopicPartition(topic, 0)
        return int((await reader.end_offsets([tp]))[tp])


def stored_bytes(data: Path, topic: str) -> int:
    """Return the bytes of a topic's log files under the broker's data."""
    return sum(file.stat().st_size for file in data.rglob(f"{topic}-*/*.log"))

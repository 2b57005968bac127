"""Costs per message at ten times this machine's rate, with the hashing model.

The model takes most of the CPU of a message. Without it the same cores carry a multiple of the
rate, which gives the costs of the pipeline, Kafka and the accounting records.
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
from benchmarks.testbed import Testbed, split
from benchmarks.texts import texts
from benchmarks.throughput import alone

MODEL_MESSAGES = 3_000
PARTITIONS = 48
WORKERS = 2
RATES = (10_000.0, 1_000_000.0)


async def measure(messages: int) -> dict[str, float]:
    """Return the costs per message at 48 partitions and two workers, and the rate.

    `times_this_machine` is the rate per core relative to a core with the model.
    """
    cpu, _ = split()
    async with Testbed(QUIET | HASHING, partitions=PARTITIONS, spread=True) as testbed:
        model = await asyncio.to_thread(alone, texts(MODEL_MESSAGES), cpu, testbed.folder)
        running = [await testbed.worker() for _ in range(WORKERS)]
        for worker in running:
            await worker.ready()
        await asyncio.sleep(SETTLE_S)
        broker = broker_process()
        before, broker_before = used(running), cpu_of(broker)
        stats_before = await count(testbed.bootstrap, testbed.topics.stats.name)
        began = time.monotonic()
        await testbed.fill(texts(messages))
        await drained(testbed, messages)
        wall = time.monotonic() - began
        await asyncio.sleep(1)  # for the alerts stage to catch up
        cpu_ms = (used(running) - before) * 1000 / messages
        broker_ms = (cpu_of(broker) - broker_before) * 1000 / messages
        accounts = await count(testbed.bootstrap, testbed.topics.stats.name) - stats_before
        names = (testbed.topics.raw.name, testbed.topics.scored.name)
        stored = sum(stored_bytes(testbed.folder / "kafka", name) for name in names)
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
    """Return the capacity plan of both rates from the measured costs, in Markdown."""
    costs = Costs(**{name: found[name] for name in Costs.__slots__})
    return table(costs, RATES)


def broker_process() -> psutil.Process:
    """Return the broker process started by this one."""
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
    """Return the number of records of a topic of one partition."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as reader:
        tp = TopicPartition(topic, 0)
        return int((await reader.end_offsets([tp]))[tp])


def stored_bytes(data: Path, topic: str) -> int:
    """Return the bytes of a topic's log files under the broker's data."""
    return sum(file.stat().st_size for file in data.rglob(f"{topic}-*/*.log"))

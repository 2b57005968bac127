"""CPU per message over a backlog, and latency at a low rate, of one hop."""

import asyncio
import logging
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from feedback_app.broker import LocalKafka
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load

ROOT = Path(__file__).parents[2]
VARIANTS = ("hop", "aiokafka")
LIMIT_S = 150.0
LATE_S = 30.0
"""How late a message may be; a missing one ends the run."""
STOPS_WITHIN_S = 30.0


def message(number: int) -> bytes:
    """Return a feedback record of about 200 bytes."""
    return orjson.dumps(
        {
            "id": f"bench:{number}",
            "text": f"message {number}: the export is slow again and nobody says why, {number}",
            "source": "bench",
            "lang": "en",
            "author": "somebody",
            "created_at": "2026-01-01T00:00:00Z",
        }
    )


class Run:
    """One variant on a pair of topics of its own."""

    def __init__(self, variant: str, bootstrap: str, folder: Path) -> None:
        self.variant, self.bootstrap, self.folder = variant, bootstrap, folder
        self.prefix = f"b{uuid.uuid4().hex[:8]}."
        self.environment = {
            "FEEDBACK_KAFKA_BOOTSTRAP": bootstrap,
            "FEEDBACK_TOPIC_PREFIX": self.prefix,
            "FEEDBACK_APP_ID": f"{self.prefix}app",
        }
        self.settings = load(self.environment)
        self.topics = Topics.of(self.settings)

    def command(self) -> list[str]:
        """Return the command of the measured process."""
        if self.variant == "hop":
            worker = ("worker", "-l", "info", "--without-web")
            return [sys.executable, "-m", "faust", "-A", "benchmarks.hop.stage", *worker]
        names = (self.bootstrap, self.topics.raw.name, self.topics.scored.name)
        return [sys.executable, "-m", "benchmarks.hop.loop", *names]

    async def measure(self, messages: int, seconds: float) -> dict[str, float]:
        """Return messages a second, CPU and latency in milliseconds."""
        await ensure_topics(self.settings, self.topics)
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, max_batch_size=256 * 1024
        ) as producer:
            await fill(producer, self.topics.raw.name, messages)
            process = await asyncio.create_subprocess_exec(
                *self.command(),
                env=os.environ | self.environment | {"BENCH_DIR": str(self.folder)},
                cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                drained = await self.drain(psutil.Process(process.pid), messages)
                return drained | await self.latency(producer, seconds)
            finally:
                await stop(process)

    async def drain(self, process: psutil.Process, messages: int) -> dict[str, float]:
        """Return the figures from a tenth of the backlog to its end, without the start."""
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap) as reader:
            tps = [TopicPartition(self.topics.scored.name, n) for n in range(12)]
            done, first, begin, started = 0, 0, (0.0, 0.0), 0.0
            deadline = time.monotonic() + LIMIT_S
            while done < messages:
                await asyncio.sleep(0.05)
                # The count is that of a moment within the request: assume the middle.
                before = used_by(process)
                done = sum((await reader.end_offsets(tps)).values())
                now = middle(before, used_by(process))
                if done and not started:
                    started = time.time() - process.create_time()
                if not first and done >= messages // 10:
                    first, begin = done, now
                if now[0] > deadline:
                    raise TimeoutError(f"{done} of {messages} after {LIMIT_S:.0f} s")
            wall, used = now[0] - begin[0], now[1] - begin[1]
        return {
            "per_second": (messages - first) / wall,
            "cpu_ms": used * 1000 / (messages - first),
            "start_s": started,
            "rss_mb": peak_rss(process.pid) / 1e6,
        }

    async def latency(self, producer: AIOKafkaProducer, seconds: float) -> dict[str, float]:
        """Return p50 and p99 from send to receipt at 20 messages a second."""
        reader = AIOKafkaConsumer(
            self.topics.scored.name, bootstrap_servers=self.bootstrap, fetch_max_wait_ms=50
        )
        async with reader, AsyncExitStack() as stack:
            await reader.seek_to_end()
            waiting: dict[bytes, float] = {}
            took: list[float] = []

            async def read() -> None:
                async for record in reader:
                    if record.key in waiting:
                        took.append(time.monotonic() - waiting.pop(record.key))  # noqa: PERF401

            task = asyncio.create_task(read())
            stack.callback(task.cancel)
            await asyncio.sleep(1)
            began = time.monotonic()
            for number in range(int(seconds * 20)):
                key = f"late:{number}".encode()
                waiting[key] = time.monotonic()
                await producer.send_and_wait(self.topics.raw.name, message(number), key)
                await asyncio.sleep(max(0.0, began + (number + 1) / 20 - time.monotonic()))
            async with asyncio.timeout(LATE_S):
                while waiting:
                    await asyncio.sleep(0.1)
        took.sort()
        return {
            "p50_ms": took[len(took) // 2] * 1000,
            "p99_ms": took[int(len(took) * 0.99)] * 1000,
            "arrived": float(len(took)),
        }


async def stop(process: asyncio.subprocess.Process) -> None:
    """Send SIGTERM to a process, and SIGKILL after a while."""
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOPS_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()


Moment = tuple[float, float]
"""Monotonic seconds, and the CPU seconds used by then."""


def used_by(process: psutil.Process) -> Moment:
    """Return the present moment of a process."""
    times = process.cpu_times()
    return time.monotonic(), times.user + times.system


def middle(one: Moment, other: Moment) -> Moment:
    """Return the moment half way between two."""
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def peak_rss(pid: int) -> int:
    """Return the peak resident bytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


async def fill(producer: AIOKafkaProducer, topic: str, messages: int) -> None:
    """Write the backlog, spread over the partitions."""
    batches: dict[int, Any] = {}
    for number in range(messages):
        partition = number % 12
        batch = batches.get(partition) or producer.create_batch()
        key, value = f"bench:{number}".encode(), message(number)
        if batch.append(timestamp=None, key=key, value=value) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
        batches[partition] = batch
    for partition, batch in batches.items():
        await producer.send_batch(batch, topic, partition=partition)
    await producer.flush()


async def measure(
    messages: int, seconds: float, kafka: str | None = None, variants: Sequence[str] = VARIANTS
) -> dict[str, dict[str, float]]:
    """Measure the variants in turn, print a row for each, and return their figures."""
    # aiokafka logs at length that a new topic has no leader yet.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    found = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        if kafka is None:
            kafka = (await stack.enter_async_context(LocalKafka(folder / "kafka"))).bootstrap
        for variant in variants:
            figures = await Run(variant, kafka, folder).measure(messages, seconds)
            found[variant] = figures
            shown = "  ".join(f"{name} {value:,.4f}" for name, value in figures.items())
            print(f"{variant:10} {shown}", flush=True)
    return found

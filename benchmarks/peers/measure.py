"""Measures one peer on a pair of topics of its own: a backlog, then messages at a low rate."""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.hop.measure import ROOT, message, middle
from benchmarks.peers.registry import NONE, PEERS, Task
from benchmarks.peers.tree import Tree
from benchmarks.testbed import on, record
from benchmarks.texts import texts
from feedback_app.demo.workers import free_port
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.sandbox import SLACK_BOT_TOKEN

PARTITIONS = 12
PER_SECOND = 20
"""The low rate, for the latency."""
WARM_UP = 20
"""The first messages of the low rate, left out of the latency."""
LAST_WITHIN_S = 60.0
"""How long the last messages may take; a micro-batch with the model takes many seconds."""
LIMIT_S = 300.0
"""How long a backlog may take."""
QUIET = {"FEEDBACK_NEGATIVE_BELOW": "0.001", "FEEDBACK_POSITIVE_ABOVE": "0.999"}
"""No alerts, because the peers raise none."""

Values = Sequence[bytes]


class PeerFailed(Exception):
    """A peer exited or makes no progress; the message ends with the end of its log."""


def values(kind: str, count: int) -> Values:
    """Return so many messages of the job with this scorer."""
    if kind == NONE:
        return [message(number) for number in range(count)]
    return [record(number, text) for number, text in enumerate(texts(count))]


class PeerRun:
    """A peer with one scorer on the Kafka at `bootstrap`, pinned to these CPUs."""

    def __init__(
        self, name: str, kind: str, bootstrap: str, slack: str, folder: Path, cpus: Iterable[int]
    ) -> None:
        self._peer, self._kind, self._bootstrap = PEERS[name], kind, bootstrap
        self._cpus = set(cpus)
        run = f"{name}-{kind}-{uuid.uuid4().hex[:6]}"
        self._folder = folder / run
        self._folder.mkdir()
        self._log = self._folder / "log"
        self._environment = {
            "FEEDBACK_KAFKA_BOOTSTRAP": bootstrap,
            "FEEDBACK_TOPIC_PREFIX": f"{run}.",
            "FEEDBACK_APP_ID": run,
            "FEEDBACK_PARTITIONS": str(PARTITIONS),
            "FEEDBACK_SLACK_BOT_TOKEN": SLACK_BOT_TOKEN,
            "FEEDBACK_SLACK_API_URL": slack,
            "FEEDBACK_MODEL_THREADS": "1",
            "FEEDBACK_WEB_PORT": str(free_port(0)),
            "BENCH_DIR": str(self._folder),
            **QUIET,
        }
        self._settings = load(self._environment)
        self._topics = Topics.of(self._settings)

    async def measure(self, messages: int, seconds: float) -> dict[str, float]:
        """Return rate, CPU, latency, start and memory over a backlog of so many messages."""
        program, task = self._peer.program(), self._peer.tasks[self._kind]
        every = values(self._kind, messages + WARM_UP + int(seconds * PER_SECOND))
        load_before = os.getloadavg()[0]
        await ensure_topics(self._settings, self._topics)
        async with AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, max_batch_size=256 * 1024
        ) as producer:
            await fill(producer, self._topics.raw.name, every[:messages])
            began = time.monotonic()
            with self._log.open("wb") as log, on(self._cpus):
                process = await asyncio.create_subprocess_exec(
                    *program.command,
                    *self._arguments(task),
                    env=os.environ
                    | {"PYTHONPATH": str(ROOT)}
                    | self._environment
                    | dict(program.environment),
                    cwd=self._folder,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            tree = Tree(process.pid)
            try:
                drained = await self._drain(process, tree, messages, began)
                late = await self._latency(producer, every, messages)
            finally:
                await tree.stop(process)
        memory = {"peak_mb": tree.peak_bytes / 1e6}
        return drained | late | memory | {"load": load_before, "at": time.time()}

    def _arguments(self, task: Task) -> list[str]:
        names = (self._topics.raw.name, self._topics.scored.name)
        common = (self._bootstrap, *names, self._kind, str(self._folder))
        return [*task.arguments, *common[: task.common], *task.more]

    async def _drain(
        self, process: asyncio.subprocess.Process, tree: Tree, messages: int, began: float
    ) -> dict[str, float]:
        """Return the figures from a tenth of the backlog to its end, without the start."""
        tps = [TopicPartition(self._topics.scored.name, n) for n in range(PARTITIONS)]
        done, first, begin, started = 0, 0, (0.0, 0.0), 0.0
        async with AIOKafkaConsumer(bootstrap_servers=self._bootstrap) as reader:
            while done < messages:
                await asyncio.sleep(0.05)
                # The count is that of a moment within the request: assume the middle.
                before = tree.used()
                done = sum((await reader.end_offsets(tps)).values())
                now = middle(before, tree.used())
                if done and not started:
                    started = now[0] - began
                if not first and done >= messages // 10:
                    first, begin = done, now
                if process.returncode is not None or now[0] - began > LIMIT_S:
                    raise PeerFailed(
                        f"{done} of {messages} after {now[0] - began:.0f} s, exit status "
                        f"{process.returncode}:\n{self._log.read_text(errors='replace')[-4000:]}"
                    )
        wall, used = now[0] - begin[0], now[1] - begin[1]
        return {
            "messages": float(messages),
            "seconds": wall,
            "per_second": (messages - first) / wall,
            "cpu_ms": used * 1000 / (messages - first),
            "start_s": started,
        }

    async def _latency(
        self, producer: AIOKafkaProducer, every: Values, first: int
    ) -> dict[str, float]:
        """Return p50 and p99 from send to receipt."""
        reader = AIOKafkaConsumer(
            self._topics.scored.name, bootstrap_servers=self._bootstrap, fetch_max_wait_ms=50
        )
        waiting: dict[bytes, tuple[int, float]] = {}
        took: list[float] = []

        async def read() -> None:
            async for row in reader:
                if row.key in waiting:
                    number, sent = waiting.pop(row.key)
                    if number >= first + WARM_UP:
                        took.append(time.monotonic() - sent)

        async with reader, AsyncExitStack() as stack:
            await reader.seek_to_end()
            stack.callback(asyncio.create_task(read()).cancel)
            await asyncio.sleep(1)
            due = time.monotonic()
            for number in range(first, len(every)):
                key = f"bench:{number}".encode()
                waiting[key] = number, time.monotonic()
                await producer.send_and_wait(self._topics.raw.name, every[number], key)
                due += 1 / PER_SECOND
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            for _ in range(int(LAST_WITHIN_S * 10)):
                if not waiting:
                    break
                await asyncio.sleep(0.1)
        if waiting:
            log = self._log.read_text(errors="replace")[-4000:]
            raise PeerFailed(f"{len(waiting)} messages did not come out:\n{log}")
        took.sort()
        return {
            "slow": float(len(took)),
            "p50_ms": took[len(took) // 2] * 1000,
            "p99_ms": took[int(len(took) * 0.99)] * 1000,
        }


async def fill(producer: AIOKafkaProducer, topic: str, backlog: Values) -> None:
    """Write the backlog, spread over the partitions."""
    batches: dict[int, Any] = {}
    for number, value in enumerate(backlog):
        partition, key = number % PARTITIONS, f"bench:{number}".encode()
        batch = batches.get(partition)
        if batch is None or batch.append(timestamp=None, key=key, value=value) is None:
            if batch is not None:
                await producer.send_batch(batch, topic, partition=partition)
            batch = batches[partition] = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    for partition, batch in batches.items():
        await producer.send_batch(batch, topic, partition=partition)
    await producer.flush()


async def slack(stack: AsyncExitStack) -> str:
    """Return the address of a Slack stand-in, which the pipeline needs to start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "feedback_app.sandbox", "--posts-per-second", "0"),
        stdout=asyncio.subprocess.PIPE,
    )

    async def end() -> None:
        process.terminate()
        await process.wait()

    stack.push_async_callback(end)
    assert process.stdout is not None
    line = await process.stdout.readline()
    return str(json.loads(line)["slack_url"])

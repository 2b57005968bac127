"""The testbed of the pipeline benchmarks: Kafka, a Slack without rate limits, and workers.

The workers run on the first CPU and everything else on the last, so that neither slows the other.
"""

import asyncio
import logging
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import orjson
import psutil
from aiohttp import ClientError, ClientSession, ClientTimeout
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from benchmarks.texts import Text
from feedback_app.broker import LocalKafka
from feedback_app.demo.workers import free_port
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.sandbox import SLACK_BOT_TOKEN
from feedback_app.sandbox.log import Posted, read_log

READY_WITHIN_S = 60.0


@contextmanager
def on(cpus: Iterable[int]) -> Iterator[None]:
    """Pin this process, and what it starts in the context, to these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def split() -> tuple[int, int]:
    """Return the CPU of the workers and that of the rest; exits if there is only one."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("two processors are needed: one for the worker, one for Kafka and Slack")
    return cpus[0], cpus[-1]


class Process:
    """A worker process and its resource usage."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log
        self._ps = psutil.Process(process.pid)

    def threads(self) -> dict[int, float]:
        """Return the CPU seconds of each thread."""
        return {t.id: t.user_time + t.system_time for t in self._ps.threads()}

    def cpu(self) -> float:
        """Return the CPU seconds of all threads, including ended ones."""
        times = self._ps.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> int:
        """Return the resident bytes."""
        return int(self._ps.memory_info().rss)

    async def ready(self) -> None:
        """Return once it is ready; exits with the end of its log if it does not get there."""
        deadline = time.monotonic() + READY_WITHIN_S
        async with ClientSession(timeout=ClientTimeout(total=5)) as session:
            while time.monotonic() < deadline and self.process.returncode is None:
                with suppress(ClientError, OSError, TimeoutError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)
        sys.exit(f"the worker is not ready:\n{self.log.read_text()[-2000:]}")

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after 15 s."""
        if self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(15):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


class Testbed:
    """One run: topics on a local Kafka, a Slack stand-in, and workers."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        partitions: int = 12,
        spread: bool = False,
    ) -> None:
        """`settings` are more FEEDBACK_ variables; with `spread` nothing is pinned."""
        worker_cpu, rest_cpu = split()
        every = os.sched_getaffinity(0)
        self.worker_cpus = every if spread else {worker_cpu}
        self.rest_cpus = every if spread else {rest_cpu}
        self.name = f"bench{uuid.uuid4().hex[:8]}"
        self._settings, self._partitions = dict(settings or {}), partitions
        self._stack = AsyncExitStack()
        self._workers = 0

    async def __aenter__(self) -> Self:
        # aiokafka logs at length that a new topic has no leader yet.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="feedback-bench-"))
        )
        try:
            self._stack.enter_context(on(self.rest_cpus))
            kafka = LocalKafka(self.folder / "kafka")
            await self._stack.enter_async_context(kafka)
            self.bootstrap = kafka.bootstrap
            self.slack_log = self.folder / "slack.jsonl"
            slack_url = await self._slack()
            self.environment = {
                "FEEDBACK_KAFKA_BOOTSTRAP": self.bootstrap,
                "FEEDBACK_TOPIC_PREFIX": f"{self.name}.",
                "FEEDBACK_APP_ID": self.name,
                "FEEDBACK_PARTITIONS": str(self._partitions),
                "FEEDBACK_SLACK_BOT_TOKEN": SLACK_BOT_TOKEN,
                "FEEDBACK_SLACK_API_URL": slack_url,
                "FEEDBACK_SLACK_POSTS_PER_SECOND": "0",
                "FEEDBACK_ALERT_DIGEST_ABOVE": "0",
                "FEEDBACK_MODEL_THREADS": "1",
                **self._settings,
            }
            self.topics = Topics.of(load(self.environment))
            await ensure_topics(load(self.environment), self.topics)
            await self._stamp_at_append(self.topics.raw.name)
            self.producer = await self._stack.enter_async_context(
                AIOKafkaProducer(
                    bootstrap_servers=self.bootstrap, acks="all", max_batch_size=256 * 1024
                )
            )
            self._reader = await self._stack.enter_async_context(
                AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
            )
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def _stamp_at_append(self, topic: str) -> None:
        """Let the broker stamp the records of a topic at append."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            stamp = {"message.timestamp.type": "LogAppendTime"}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, stamp)])
        finally:
            await admin.close()

    async def _slack(self) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "feedback_app.sandbox", "--posts-per-second", "0"),
            *("--log", str(self.slack_log)),
            stdout=asyncio.subprocess.PIPE,
        )

        async def end() -> None:
            process.terminate()
            await process.wait()

        self._stack.push_async_callback(end)
        assert process.stdout is not None
        return str(orjson.loads(await process.stdout.readline())["slack_url"])

    async def worker(self, more: Mapping[str, str] | None = None) -> Process:
        """Start a worker on its CPU; it stops with the testbed."""
        self._workers += 1
        port, log = free_port(0), self.folder / f"worker-{self._workers}.log"
        own = {k: v for k, v in os.environ.items() if not k.startswith("FEEDBACK_")}
        environment = own | self.environment | dict(more or {})
        with log.open("wb") as file, on(self.worker_cpus):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "feedback_app", "worker", "-l", "info"),
                env=environment | {"FEEDBACK_WEB_PORT": str(port)},
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        worker = Process(process, port, log)
        self._stack.push_async_callback(worker.stop)
        return worker

    async def fill(self, texts: Sequence[Text], first: int = 0) -> None:
        """Write a backlog to `raw`, evenly over the partitions; ids count from `first`."""
        batches: dict[int, Any] = {}
        topic = self.topics.raw.name
        for number, text in enumerate(texts, first):
            partition = number % self._partitions
            key, value = f"bench:{number}".encode(), record(number, text)
            batch = batches.get(partition)
            if batch is None or batch.append(timestamp=None, key=key, value=value) is None:
                if batch is not None:
                    await self.producer.send_batch(batch, topic, partition=partition)
                batch = batches[partition] = self.producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)
        for partition, batch in batches.items():
            await self.producer.send_batch(batch, topic, partition=partition)
        await self.producer.flush()

    async def count(self, topic: str) -> int:
        """Return the number of records written to a topic."""
        tps = [TopicPartition(topic, n) for n in range(self._partitions)]
        return sum((await self._reader.end_offsets(tps)).values())

    def posted(self) -> dict[str, float]:
        """Return {alert id: Unix seconds} of the posts in Slack."""
        found: dict[str, float] = {}
        for entry in read_log(self.slack_log) if self.slack_log.exists() else ():
            if isinstance(entry, Posted) and entry.metadata is not None:
                for alert in entry.metadata["event_payload"]["alerts"]:
                    found.setdefault(alert, entry.at)
        return found


def record(number: int, text: Text) -> bytes:
    """Return a record of `raw` as the sources write it."""
    return orjson.dumps(
        {
            "id": f"bench:{number}",
            "text": text.text,
            "source": "bench",
            "revision": 0,
            "kind": "create",
            "lang": text.lang,
            "author": "somebody",
            "url": None,
            "created_at": "2026-01-01T00:00:00.000Z",
            "received_at": "2026-01-01T00:00:00.000Z",
            "truncated": False,
            "version": 1,
        }
    )

"""Workers on Kafka, with the sandbox as X and Slack, each behind a link that can fail."""

import asyncio
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession
from aiokafka import TopicPartition

from chaos.audit import Audit, Limits, audit, compare_figures
from chaos.link import Link
from chaos.load import LISTENED
from chaos.observer import Observer
from chaos.processes import FEEDBACK, WorkerProcess
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.sandbox import (
    PRODUCT_QUERY,
    SLACK_APP_TOKEN,
    SLACK_BOT_TOKEN,
    X_BEARER_TOKEN,
    Sandbox,
)

PARTITIONS = 4
LIMITS = Limits(negative=0.35, positive=0.65)
"""With the hashing model about a third of the messages alert."""
SESSION_S = 6.0
CLEAN_S = 2.0
"""How long an audit must stay clean; a duplicate message would appear within it."""
NEGATIVE, POSITIVE = "#negative-feedback", "#positive-feedback"


def environment(kafka: str, prefix: str, x: str, slack: str) -> dict[str, str]:
    """Return the environment of a worker, without the caller's own FEEDBACK_ variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDBACK_")}
    return kept | {
        "FEEDBACK_KAFKA_BOOTSTRAP": kafka,
        "FEEDBACK_TOPIC_PREFIX": prefix,
        "FEEDBACK_APP_ID": prefix.strip("."),
        "FEEDBACK_PARTITIONS": str(PARTITIONS),
        "FEEDBACK_SESSION_TIMEOUT": f"{SESSION_S:.0f}s",
        "FEEDBACK_MODEL": "hashing",
        "FEEDBACK_NEGATIVE_BELOW": str(LIMITS.negative),
        "FEEDBACK_POSITIVE_ABOVE": str(LIMITS.positive),
        "FEEDBACK_X_BEARER_TOKEN": X_BEARER_TOKEN,
        "FEEDBACK_X_API_URL": x,
        "FEEDBACK_X_QUERY": PRODUCT_QUERY,
        "FEEDBACK_X_POLL_SECONDS": "2",
        # Include what is written before the first poll.
        "FEEDBACK_X_START": "1h",
        # The default is six hours.
        "FEEDBACK_X_COMPLIANCE_EVERY": "2s",
        "FEEDBACK_SLACK_BOT_TOKEN": SLACK_BOT_TOKEN,
        "FEEDBACK_SLACK_APP_TOKEN": SLACK_APP_TOKEN,
        "FEEDBACK_SLACK_API_URL": f"{slack}/api/",
        "FEEDBACK_SLACK_CHANNELS": ",".join(LISTENED),
        "FEEDBACK_SLACK_POSTS_PER_SECOND": "0",
        "FEEDBACK_ALERT_DIGEST_ABOVE": "0",
    }


class Fleet:
    """Everything of one run, stopped with the context.

    The sandbox runs in this process; its outages are those of its links.
    """

    def __init__(
        self,
        kafka: str,
        prefix: str,
        folder: Path,
        *,
        seed: int = 0,
        program: Sequence[str] = FEEDBACK,
        settings: Mapping[str, str] | None = None,
        slack: Mapping[str, Any] | None = None,
    ) -> None:
        self.workers: list[WorkerProcess] = []
        self.prefix, self.folder, self._kafka = prefix, folder, kafka
        self._program, self._more = tuple(program), dict(settings or {})
        log = folder / "sandbox.jsonl"
        self.sandbox = Sandbox(
            posts_per_second=None,
            seed=seed,
            log_path=log,
            # Slack redelivers an event after up to five minutes.
            slack={"retry_after_s": (0.0, 5.0, 15.0, 30.0), **(slack or {})},
        )
        self.sandbox.x.gate.limits |= dict.fromkeys(("search", "jobs"), 1_000_000)
        self.observer = Observer(kafka, prefix, PARTITIONS, log)
        self._stack = AsyncExitStack()
        self._started = 0

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self) -> None:
        await self.sandbox.start()
        self._stack.push_async_callback(self.sandbox.stop)
        port = int(self.sandbox.url.rpartition(":")[2])
        self.x_link = await self._stack.enter_async_context(Link(port))
        self.slack_link = await self._stack.enter_async_context(Link(port))
        # Slack hands out the address for WebSockets.
        self.sandbox.url = self.slack_link.url
        self.session = await self._stack.enter_async_context(ClientSession())
        self.environment = (
            environment(self._kafka, self.prefix, self.x_link.url, self.slack_link.url) | self._more
        )
        settings = load(self.environment)
        await ensure_topics(settings, Topics.of(settings))
        await self._stack.enter_async_context(self.observer)

    async def __aexit__(self, *exc_info: object) -> None:
        for worker in self.workers:
            worker.kill()
        await self._stack.aclose()

    @property
    def channels(self) -> dict[str, str]:
        """{Slack channel id: the alert channel as configured}."""
        return {self.sandbox.slack.channel(name).id: name for name in (NEGATIVE, POSITIVE)}

    @property
    def living(self) -> list[WorkerProcess]:
        """The workers that run."""
        return [worker for worker in self.workers if worker.exit_code is None]

    @property
    def group_and_partitions(self) -> tuple[str, list[TopicPartition]]:
        """The consumer group of the workers, and every partition of every topic."""
        settings = load(self.environment)
        return settings.app_id, [
            TopicPartition(topic.name, number)
            for topic in Topics.of(settings).all()
            for number in range(topic.partitions)
        ]

    def start_worker(self, **settings: str) -> WorkerProcess:
        """Start a worker with additional settings, without waiting until it is ready."""
        self._started += 1
        worker = WorkerProcess(
            f"w{self._started}", self.environment | settings, self.folder, self._program
        )
        self.workers.append(worker)
        return worker

    async def start_workers(self, count: int) -> list[WorkerProcess]:
        """Start workers and return them once all are ready."""
        started = [self.start_worker() for _ in range(count)]
        await asyncio.gather(*(worker.ready(self.session) for worker in started))
        return started

    async def stats(self) -> dict[str, Any]:
        """Return `/stats` of a running worker."""
        async with self.session.get(f"{self.living[-1].url}/stats") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    @property
    def drained(self) -> bool:
        """Whether every record of `raw` has been accounted for."""
        topics = self.observer.topics
        last: dict[int, int] = {}
        for partition, offset in topics.raw:
            last[partition] = max(offset, last.get(partition, -1))
        reached = {number: steps[-1][1] for number, steps in topics.progress.items()}
        return bool(last) and all(reached.get(one, -1) >= offset for one, offset in last.items())

    async def audited(self) -> Audit:
        """Audit the present state."""
        found = audit(self.observer.read_log(), self.observer.topics, LIMITS)
        if not found.problems:
            found.problems += compare_figures(
                await self.stats(), self.observer.topics, self.channels
            )
        return found

    async def settled(self, within: float) -> Audit:
        """Return an audit that has been clean for 2 s, or the last one after `within` seconds."""
        clock = asyncio.get_running_loop().time
        deadline, clean_since = clock() + within, math.inf
        while True:
            found = await self.audited()
            clean_since = math.inf if found.problems else min(clean_since, clock())
            if clock() - clean_since >= CLEAN_S or clock() > deadline:
                return found
            await asyncio.sleep(0.3)

"""Workers on a Kafka, with the sandbox as X and Slack, each platform behind a link of its own."""

import asyncio
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession
from aiokafka import TopicPartition

from chaos.audit import Audit, Limits, accounts, audit
from chaos.link import Link
from chaos.load import LISTENED
from chaos.observer import Observer
from chaos.processes import FEEDBACK, WorkerProcess
from feedback_app.configuration import load
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.topics import Topics
from feedback_app.sandbox import (
    PRODUCT_QUERY,
    SLACK_APP_TOKEN,
    SLACK_BOT_TOKEN,
    X_BEARER_TOKEN,
    Sandbox,
)

PARTITIONS = 4
LIMITS = Limits(negative=0.35, positive=0.65)
"""With hashed scores a third of all messages are alerts."""
SESSION_S = 6.0
STEADY_S = 2.0
"""How long nothing may be wrong before a run is over: longer than a second message takes."""
NEGATIVE, POSITIVE = "#negative-feedback", "#positive-feedback"


def environment(kafka: str, prefix: str, x: str, slack: str) -> dict[str, str]:
    """Return the environment of a worker; nothing of the caller's configuration leaks in."""
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
        # What is written before the first poll counts too.
        "FEEDBACK_X_START": "1h",
        # Six hours else, for which no test has the time.
        "FEEDBACK_X_COMPLIANCE_EVERY": "2s",
        "FEEDBACK_SLACK_BOT_TOKEN": SLACK_BOT_TOKEN,
        "FEEDBACK_SLACK_APP_TOKEN": SLACK_APP_TOKEN,
        "FEEDBACK_SLACK_API_URL": f"{slack}/api/",
        "FEEDBACK_SLACK_CHANNELS": ",".join(LISTENED),
        "FEEDBACK_SLACK_POSTS_PER_SECOND": "0",
        "FEEDBACK_ALERT_DIGEST_ABOVE": "0",
    }


class Fleet:
    """Everything of one run; leave the context and nothing of it runs any more.

    The sandbox is in this process and cannot be killed; its links can be cut.
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
            # Slack repeats an event after up to five minutes, for which no test has the time.
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
        # Where Slack tells clients to open their WebSockets.
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
        """The workers that have not ended."""
        return [worker for worker in self.workers if worker.exit_code is None]

    @property
    def works_with(self) -> tuple[str, list[TopicPartition]]:
        """The workers' group, and every partition of every topic."""
        settings = load(self.environment)
        return settings.app_id, [
            TopicPartition(topic.name, number)
            for topic in Topics.of(settings).all()
            for number in range(topic.partitions)
        ]

    def start_worker(self, **settings: str) -> WorkerProcess:
        """Start one more worker, with further settings; it may not be ready yet."""
        self._started += 1
        worker = WorkerProcess(
            f"w{self._started}", self.environment | settings, self.folder, self._program
        )
        self.workers.append(worker)
        return worker

    async def start_workers(self, count: int) -> list[WorkerProcess]:
        """Start workers and return them when all are ready."""
        started = [self.start_worker() for _ in range(count)]
        await asyncio.gather(*(worker.ready(self.session) for worker in started))
        return started

    async def stats(self) -> dict[str, Any]:
        """Return the app's own figures, from whichever worker is there."""
        async with self.session.get(f"{self.living[-1].url}/stats") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    @property
    def drained(self) -> bool:
        """Whether everything that stands in `raw` has been accounted for."""
        topics = self.observer.topics
        last: dict[int, int] = {}
        for partition, offset in topics.raw:
            last[partition] = max(offset, last.get(partition, -1))
        reached = {number: steps[-1][1] for number, steps in topics.progress.items()}
        return bool(last) and all(reached.get(one, -1) >= offset for one, offset in last.items())

    async def audited(self) -> Audit:
        """Compare everything once."""
        found = audit(self.observer.read_log(), self.observer.topics, LIMITS)
        if not found.problems:
            found.problems += accounts(await self.stats(), self.observer.topics, self.channels)
        return found

    async def settled(self, within: float) -> Audit:
        """Return the audit once it has found no problem for 2 s, or the last one after `within`."""
        clock = asyncio.get_running_loop().time
        deadline, good_since = clock() + within, math.inf
        while True:
            found = await self.audited()
            good_since = math.inf if found.problems else min(good_since, clock())
            if clock() - good_since >= STEADY_S or clock() > deadline:
                return found
            await asyncio.sleep(0.3)

"""One demo from start to end: broker, sandbox, workers, stream, audit; nothing is left behind."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession
from rich.console import Console

from feedback_app.demo.auditor import Auditor
from feedback_app.demo.ending import Ending
from feedback_app.demo.live import Display, Progress
from feedback_app.demo.outside import Outside
from feedback_app.demo.plan import (
    LISTENED,
    Addresses,
    Plan,
    new_run_id,
    settings_of,
    worker_environment,
)
from feedback_app.demo.report import Report, Thresholds, differences, make_report
from feedback_app.demo.stream import items_of, player_of
from feedback_app.demo.workers import Worker
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.topics import Topics
from feedback_app.sandbox import Sandbox, read_log
from feedback_app.sandbox.player import Player

if TYPE_CHECKING:
    from feedback_app.broker import Node

LOOK_EVERY_S = 0.5
HEARD_WITHIN_S = 10.0
"""How long the first message waits for a worker that listens."""


class Demo:
    """A demo under way; `run` it once."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._stop = asyncio.Event()
        self._directory = Path(tempfile.mkdtemp(prefix="feedback-demo-"))
        self._outside = Outside(frozenset(LISTENED))
        self._nodes: Sequence[Node] = ()
        self.workers: list[Worker] = []

    async def run(self) -> tuple[Report, list[str]]:
        """Run to the end; return the report and what does not balance.

        Raises ConfigurationError and TransientError where it cannot start. The logs are kept where
        something went wrong, but not what Kafka wrote.
        """
        kept = True
        try:
            with self._signals():
                report, wrong = await self._run()
            kept = bool(wrong)
            return report, wrong
        finally:
            if kept and any(file.is_file() for file in self._directory.rglob("*.log")):
                self._console.print(f"Logs are kept in {self._directory}")
            else:
                shutil.rmtree(self._directory, ignore_errors=True)

    async def _run(self) -> tuple[Report, list[str]]:
        plan, run_id = self._plan, new_run_id()
        log = self._directory / "sandbox.jsonl"
        items = await asyncio.to_thread(items_of, plan)
        async with self._kafka() as kafka, self._sandbox(log) as sandbox:
            player = player_of(plan, sandbox, items)
            addresses = Addresses(kafka, sandbox.x_url, sandbox.slack_url)
            environment = worker_environment(plan, addresses, run_id)
            settings = settings_of(environment)
            thresholds = Thresholds(settings.negative_below, settings.positive_above)
            await ensure_topics(settings, Topics.of(settings))
            auditor = Auditor(settings)
            started_at, start = time.time(), time.monotonic()
            async with self._background(auditor.follow()), self._workers(environment):
                await self._wait_until_ready()
                await self._wait_until_heard(sandbox)
                self._announce(sandbox)
                await self._play(player, auditor, thresholds, start)
            elapsed = time.monotonic() - start
            await auditor.read_to_high_watermark()
            channels = {
                sandbox.slack.channel(name).id: name
                for name in (settings.negative_channel, settings.positive_channel)
            }
        outside = Outside(frozenset(LISTENED)).take_all(read_log(log))
        report = make_report(
            auditor.tally,
            outside,
            thresholds,
            channels,
            started_at=started_at,
            elapsed_s=elapsed,
        )
        return report, differences(auditor.tally, outside, thresholds)

    @asynccontextmanager
    async def _kafka(self) -> AsyncIterator[str]:
        """The address of the broker, which is started unless one is given."""
        if self._plan.kafka is not None:
            yield self._plan.kafka
            return
        # Only a demo without a Kafka of its own needs the broker's parts.
        from feedback_app.broker import LocalKafka
        from feedback_app.broker.local import RETENTION_BYTES

        self._console.print("Starting Apache Kafka …")
        data = self._directory / "kafka"
        try:
            async with LocalKafka(data, retention_bytes=RETENTION_BYTES) as broker:
                self._nodes = broker.nodes
                try:
                    yield broker.bootstrap
                finally:
                    self._kill_nodes()  # nobody will want these data
        finally:
            self._forget_data()

    def _kill_nodes(self) -> None:
        for node in self._nodes:
            node.kill()

    def _forget_data(self) -> None:
        """Remove what Kafka wrote; the logs of its nodes lie beside it and stay."""
        for folder in (self._directory / "kafka").glob("*/"):
            shutil.rmtree(folder, ignore_errors=True)

    @asynccontextmanager
    async def _sandbox(self, log: Path) -> AsyncIterator[Sandbox]:
        plan = self._plan
        sandbox = Sandbox(
            posts_per_second=1.0 if plan.paced else None,
            faults=plan.faults,
            seed=plan.seed,
            log_path=log,
        )
        sandbox.log.listeners.append(self._outside.take)
        await sandbox.start()
        try:
            yield sandbox
        finally:
            await sandbox.stop()

    @asynccontextmanager
    async def _workers(self, environment: dict[str, str]) -> AsyncIterator[None]:
        numbers = range(1, self._plan.workers + 1)
        self.workers = [Worker(number, environment, self._directory) for number in numbers]
        try:
            for worker in self.workers:
                await worker.start()
            yield
        finally:
            await asyncio.gather(*(worker.stop() for worker in self.workers))

    @asynccontextmanager
    async def _background(
        self, work: Coroutine[Any, Any, object]
    ) -> AsyncIterator[asyncio.Task[object]]:
        task = asyncio.create_task(work)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _wait_until_ready(self) -> None:
        self._console.print(f"Starting {_many(self._plan.workers, 'worker')} …")
        stopping = self._background(self._stop.wait())
        async with ClientSession() as session, stopping as stopped:
            ready = [asyncio.create_task(worker.ready(session)) for worker in self.workers]
            for task in ready:
                await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
                task.cancel()

    async def _wait_until_heard(self, sandbox: Sandbox) -> None:
        """Return when a worker listens on Slack: what is said before comes seconds late."""
        deadline = time.monotonic() + HEARD_WITHIN_S
        while not sandbox.slack.sockets.connections and time.monotonic() < deadline:
            if self._stop.is_set():
                return
            await asyncio.sleep(0.05)

    def _announce(self, sandbox: Sandbox) -> None:
        say = self._console.print
        say(f"  Page             {self.workers[0].page}")
        say(f"  Slack (sandbox)  {sandbox.url}/")
        if not self._plan.paced:
            say("Played from a file: pacing and digests are off, every alert is a post of its own.")
        if self._plan.faults:
            say(f"Faults: {', '.join(sorted(self._plan.faults))} (seed {self._plan.seed})")
        say("Ctrl-C stops everything.")

    async def _play(
        self, player: Player, auditor: Auditor, thresholds: Thresholds, start: float
    ) -> None:
        """Play and watch until the input is through, the time is up, or somebody stops it."""
        plan = self._plan
        ending = Ending(plan.seconds, plan.ends_by_itself, time.monotonic())
        playing = asyncio.create_task(player.run())
        try:
            with Display(self._console) as display:
                while True:
                    now = time.monotonic()
                    progress = self._progress(player, auditor, now - start)
                    display.show(progress)
                    if playing.done() and not playing.cancelled():
                        playing.result()
                    self._check_workers()
                    if self._stop.is_set() and not ending.stopped:
                        ending.stop(now)
                        self._console.print("Stopping: finishing what was played …")
                    if ending.play_no_more(now):
                        playing.cancel()
                    balanced = playing.done() and not differences(
                        auditor.tally, self._outside, thresholds
                    )
                    if ending.reached(now, progress.moved, playing.done(), balanced):
                        return
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)

    def _progress(self, player: Player, auditor: Auditor, elapsed_s: float) -> Progress:
        tally = auditor.tally
        return Progress(
            elapsed_s=elapsed_s,
            played=player.progress.put,
            total=player.progress.total,
            ingested=len(tally.raw),
            scored=len(tally.scored),
            alerts=sum(alert.op == "put" for alert in tally.alerts.values()),
            delivered=sum(found.status == "posted" for found in tally.deliveries.values()),
            dead_letters=len(tally.dead),
            faults=self._outside.faults,
        )

    def _check_workers(self) -> None:
        for worker in self.workers:
            if worker.ended and not self._stop.is_set():
                raise TransientError("worker", f"worker {worker.number} ended:\n{worker.tail()}")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM ask for the end; asking again ends it at once."""
        loop = asyncio.get_running_loop()

        def asked() -> None:
            if self._stop.is_set():
                for worker in self.workers:
                    worker.kill()
                self._kill_nodes()
                shutil.rmtree(self._directory, ignore_errors=True)
                os._exit(130)
            self._stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

"""Runs one demo from start to cleanup: broker, sandbox, workers, stream, audit."""

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
from feedback_app.demo.plan import (
    FEEDBACK_CHANNELS,
    Addresses,
    Plan,
    new_run_id,
    settings_of,
    worker_environment,
)
from feedback_app.demo.report import Report, Thresholds, differences, make_report
from feedback_app.demo.sandbox_state import SandboxState
from feedback_app.demo.stream import items_of, player_of
from feedback_app.demo.workers import Worker
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.topics import Topics
from feedback_app.sandbox import Sandbox, read_log
from feedback_app.sandbox.player import Player

if TYPE_CHECKING:
    from feedback_app.broker import Node

CHECK_INTERVAL_S = 0.5
SOCKET_WITHIN_S = 10.0
"""How long the first message waits for a Socket Mode connection."""


class Demo:
    """One demo; call `run` once."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._stop = asyncio.Event()
        self._directory = Path(tempfile.mkdtemp(prefix="feedback-demo-"))
        self._sandbox_state = SandboxState(frozenset(FEEDBACK_CHANNELS))
        self._nodes: Sequence[Node] = ()
        self.workers: list[Worker] = []

    async def run(self) -> tuple[Report, list[str]]:
        """Run to the end; return the report and the imbalances.

        Raises ConfigurationError or TransientError if it cannot start. On failure or imbalance
        the logs are kept, but not Kafka's data.
        """
        keep_logs = True
        try:
            with self._signals():
                report, imbalances = await self._run()
            keep_logs = bool(imbalances)
            return report, imbalances
        finally:
            if keep_logs and any(file.is_file() for file in self._directory.rglob("*.log")):
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
                await self._wait_for_socket(sandbox)
                self._announce(sandbox)
                await self._play(player, auditor, thresholds, start)
            elapsed = time.monotonic() - start
            await auditor.read_to_high_watermark()
            channels = {
                sandbox.slack.channel(name).id: name
                for name in (settings.negative_channel, settings.positive_channel)
            }
        state = SandboxState(frozenset(FEEDBACK_CHANNELS)).apply_all(read_log(log))
        report = make_report(
            auditor.tally,
            state,
            thresholds,
            channels,
            started_at=started_at,
            elapsed_s=elapsed,
        )
        return report, differences(auditor.tally, state, thresholds)

    @asynccontextmanager
    async def _kafka(self) -> AsyncIterator[str]:
        """Yield the address of the broker; start one unless it is given."""
        if self._plan.kafka is not None:
            yield self._plan.kafka
            return
        # Only a demo that starts its own Kafka needs the broker package.
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
                    self._kill_nodes()  # the data is discarded anyway
        finally:
            self._remove_data()

    def _kill_nodes(self) -> None:
        for node in self._nodes:
            node.kill()

    def _remove_data(self) -> None:
        """Remove Kafka's data; the logs of the nodes are outside these folders and stay."""
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
        sandbox.log.listeners.append(self._sandbox_state.apply)
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
        self._console.print(f"Starting {_pluralize(self._plan.workers, 'worker')} …")
        stopping = self._background(self._stop.wait())
        async with ClientSession() as session, stopping as stopped:
            ready = [asyncio.create_task(worker.ready(session)) for worker in self.workers]
            for task in ready:
                await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
                task.cancel()

    async def _wait_for_socket(self, sandbox: Sandbox) -> None:
        """Wait for a Socket Mode connection: earlier messages would arrive seconds late."""
        deadline = time.monotonic() + SOCKET_WITHIN_S
        while not sandbox.slack.sockets.connections and time.monotonic() < deadline:
            if self._stop.is_set():
                return
            await asyncio.sleep(0.05)

    def _announce(self, sandbox: Sandbox) -> None:
        say = self._console.print
        say(f"  Page             {self.workers[0].page}")
        say(f"  Slack (sandbox)  {sandbox.url}/")
        if not self._plan.paced:
            say("Played from a file: pacing and digests are off, every alert is a separate post.")
        if self._plan.faults:
            say(f"Faults: {', '.join(sorted(self._plan.faults))} (seed {self._plan.seed})")
        say("Ctrl-C stops everything.")

    async def _play(
        self, player: Player, auditor: Auditor, thresholds: Thresholds, start: float
    ) -> None:
        """Play until the input is processed, the time is up, or a stop is requested."""
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
                        self._console.print("Stopping: finishing the messages already played …")
                    if ending.playing_is_over(now):
                        playing.cancel()
                    balanced = playing.done() and not differences(
                        auditor.tally, self._sandbox_state, thresholds
                    )
                    if ending.reached(now, progress.counts, playing.done(), balanced):
                        return
                    await asyncio.sleep(CHECK_INTERVAL_S)
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
            faults=self._sandbox_state.faults,
        )

    def _check_workers(self) -> None:
        for worker in self.workers:
            if worker.ended and not self._stop.is_set():
                raise TransientError("worker", f"worker {worker.number} ended:\n{worker.tail()}")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Request a stop on SIGINT or SIGTERM; a second signal kills everything at once."""
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if self._stop.is_set():
                for worker in self.workers:
                    worker.kill()
                self._kill_nodes()
                shutil.rmtree(self._directory, ignore_errors=True)
                os._exit(130)
            self._stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _pluralize(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

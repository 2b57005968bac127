"""The demo as a person starts it: a process of its own, with real workers on a real broker."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from aiohttp import ClientSession, web

from feedback_app.broker import LocalKafka
from feedback_app.demo.plan import Addresses, DemoPlan, worker_environment
from feedback_app.demo.workers import DemoWorker

TEXTS = 60
PATIENCE_S = 100.0
pytestmark = pytest.mark.timeout(240)


class Running:
    """A demo under way and the processes below it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.below: set[psutil.Process] = set()

    async def workers(self, count: int) -> set[psutil.Process]:
        """Return the worker processes once so many are there."""
        parent = psutil.Process(self.process.pid)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.below |= set(parent.children(recursive=True))
                found = {child for child in self.below if "worker" in _command(child)}
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.05)

    async def read_until(self, words: str) -> str:
        """Return what it says on stderr up to these words."""
        assert self.process.stderr is not None
        said = ""
        async with asyncio.timeout(PATIENCE_S):
            while words not in said:
                line = await self.process.stderr.readline()
                assert line, said
                said += line.decode()
        return said

    async def end(self) -> tuple[int, str, str]:
        """Return the exit status and what else it says."""
        async with asyncio.timeout(PATIENCE_S):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()

    async def nothing_left(self) -> bool:
        """Tell whether every process below it ends within some seconds."""
        _, alive = await asyncio.to_thread(psutil.wait_procs, list(self.below), 10)
        return not alive


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def demo(kafka: LocalKafka, tmp_path: Path) -> AsyncIterator[Start]:
    """Start demos on a broker that is there; they end with the test."""
    started: list[Running] = []

    async def start(*args: str, **environment: str) -> Running:
        env = os.environ | {"FEEDBACK_MODEL": "hashing", "TMPDIR": str(tmp_path)} | environment
        command = ("-m", "feedback_app", "demo", "--kafka", kafka.bootstrap, *args)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command),
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(Running(process))
        return started[-1]

    yield start
    for running in started:
        if running.process.returncode is None:
            running.process.kill()
            await running.process.communicate()


def texts(folder: Path) -> Path:
    """Return a file of lines to play."""
    file = folder / "in.jsonl"
    file.write_text(
        "".join(json.dumps({"text": f"The kettle, take {n}"}) + "\n" for n in range(TEXTS))
    )
    return file


async def test_two_workers_bring_a_file_through_and_the_accounts_balance(
    demo: Start, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    running = await demo(
        *("--input", str(texts(tmp_path)), "--workers", "2"),
        *("--for", "60", "--report", str(report)),
    )
    await running.workers(2)
    status, out, err = await running.end()
    assert status == 0, err
    assert "pacing and digests are off" in err
    assert "The accounts balance." in out
    found = json.loads(report.read_text())
    assert set(found) == {
        "ingested",
        "scored",
        "alerts",
        "delivered",
        "dead_letters",
        "duplicates",
        "pending",
        "near_threshold",
        "first_alert_s",
        "elapsed_s",
    }
    assert found["ingested"] == found["scored"] == TEXTS
    assert set(found["alerts"]) == {"#negative-feedback", "#positive-feedback"}
    assert found["delivered"] == sum(found["alerts"].values()) > 0
    assert (found["pending"], found["duplicates"], found["dead_letters"]) == (0, 0, 0)
    assert await running.nothing_left()
    assert not [name for name in os.listdir(tmp_path) if name.startswith("feedback-demo-")]


async def test_ctrl_c_finishes_what_was_played_and_leaves_no_process(
    demo: Start, tmp_path: Path
) -> None:
    running = await demo("--via", "slack", "--rate", "5")
    await running.workers(1)
    said = await running.read_until("Ctrl-C stops everything.")
    assert "http://127.0.0.1:" in said
    await running.read_until("played")
    running.process.send_signal(signal.SIGINT)
    status, out, err = await running.end()
    assert status == 0, err
    assert "The accounts balance." in out
    assert "Traceback" not in err
    assert await running.nothing_left()


async def test_a_demo_that_is_killed_takes_its_workers_with_it(demo: Start, tmp_path: Path) -> None:
    running = await demo()
    await running.workers(1)
    running.process.kill()
    await running.process.wait()
    assert await running.nothing_left()


async def test_a_worker_that_cannot_start_is_told_with_its_last_words(
    demo: Start, tmp_path: Path
) -> None:
    running = await demo("--for", "30", FEEDBACK_MODEL="/no/such/model")
    await running.workers(1)
    status, _, err = await running.end()
    assert status == 1
    assert "worker 1 ended" in err
    assert "/no/such/model" in err
    assert "Traceback" not in err
    assert await running.nothing_left()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--faults", "earthquake"], "unknown fault 'earthquake'"),
        (["--workers", "0"], "--workers"),
        (["--input", "/no/such/file"], "/no/such/file"),
    ],
)
async def test_a_wrong_option_is_a_usage_error(demo: Start, args: list[str], words: str) -> None:
    status, _, err = await (await demo(*args)).end()
    assert status == 2
    assert words in err


class Stranger:
    """Another program on the port, which calls itself ready and lists workers of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> None:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response({"ok": True, "workers": [{"id": "another-1-0a0b0c"}]})

        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


async def test_a_port_taken_after_it_was_chosen_is_left_for_another(
    kafka: LocalKafka, unique_prefix: str, tmp_path: Path
) -> None:
    name = unique_prefix.rstrip(".")
    addresses = Addresses(kafka.bootstrap, "http://127.0.0.1:1", "http://127.0.0.1:1/api/")
    environment = worker_environment(DemoPlan(via="slack"), addresses, name)
    worker = DemoWorker(1, environment | {"FEEDBACK_MODEL": "hashing"}, tmp_path)
    taken = worker.port
    async with Stranger(taken), ClientSession() as session:
        await worker.start()
        try:
            await worker.ready(session)
            assert worker.port != taken
            async with session.get(f"{worker.page}stats") as answer:
                assert "another" not in await answer.text()
        finally:
            await worker.stop()

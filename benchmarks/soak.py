"""Soak test: random schedules of faults on real workers and real Kafka, each audited.

    python -m benchmarks.soak --schedules 10 --messages 2000 --seed 1

Each schedule appends a row to docs/soak.jsonl; the next run of the seed continues after its last
row. Several runs at a time need a seed and a file (`--rows`) each; the files can be concatenated,
and `--schedules 0` prints the table. The last line of output is one JSON object; the exit status is
1 if a schedule failed.
"""

import argparse
import asyncio
import contextlib
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import Progress

from benchmarks import soak_rows
from benchmarks.soak_rows import Row
from chaos.audit import audit
from chaos.engine import Engine, Outcome, Run
from chaos.fleet import LIMITS, Fleet
from chaos.schedule import Fault, schedule
from feedback_app.broker import LocalKafka

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "docs" / "soak.jsonl"
EVERY_MODEL = 10
"""One schedule in so many runs the model; the others run the hashing model."""
SECONDS_A_FAULT = 5.0
LIMIT_S = 900.0
"""A schedule that takes longer fails."""


@dataclass(frozen=True)
class Plan:
    """The options of the command line."""

    schedules: int
    messages: int
    seed: int
    rate: float
    workers: int
    nodes: int
    rows: Path


def arguments(given: list[str]) -> Plan:
    """Return the options; exits with status 2 for invalid ones."""
    parser = argparse.ArgumentParser(
        prog="make soak", description="Randomised schedules of faults on real Kafka."
    )
    parser.add_argument("--schedules", type=int, default=3, help="how many to run now")
    parser.add_argument("--messages", type=int, default=2000, help="messages a schedule")
    parser.add_argument("--seed", type=int, default=1, help="decides every schedule")
    parser.add_argument("--rate", type=float, default=50.0, help="messages a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=1, help="nodes of the Kafka")
    parser.add_argument("--rows", type=Path, default=ROWS, help="where a row a schedule goes")
    found = parser.parse_args(given)
    if found.schedules < 0:
        parser.error("--schedules must be 0, for the table alone, or above")
    for name in ("messages", "rate", "workers", "nodes"):
        if getattr(found, name) <= 0:
            parser.error(f"--{name} must be above 0")
    return Plan(**vars(found))


def commit() -> str:
    """Return the commit of this tree, marked if it has changes."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def faults_of(plan: Plan, number: int) -> list[Fault]:
    """Return the faults of a schedule, about one in five seconds of writing; pure."""
    seconds = plan.messages / plan.rate
    count = max(3, round(seconds / SECONDS_A_FAULT))
    return schedule(plan.seed * 100_000 + number, count, seconds)


def row_of(plan: Plan, number: int, scorer: str, outcome: Outcome) -> Row:
    """Return the row of a finished schedule."""
    audit = outcome.audit
    return {
        "schedule": number,
        "seed": plan.seed,
        "commit": commit(),
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "scorer": scorer,
        "nodes": plan.nodes,
        "workers": plan.workers,
        "faults": dict(outcome.faults),
        "messages": audit.messages,
        "alerts": audit.alerts,
        "lost": audit.lost,
        "doubled_seen": audit.doubled_seen,
        "doubled_left": audit.doubled_left,
        "dead_letters": audit.dead_letters,
        "planted": audit.planted,
        "recovery_s": outcome.recovery_s,
        "recovery_by_kind": outcome.recovery_by_kind,
        "seconds": outcome.seconds,
        "problems": audit.problems,
    }


async def one(plan: Plan, number: int, broker: LocalKafka, folder: Path) -> Row:
    """Run one schedule."""
    faults = faults_of(plan, number)
    model = number % EVERY_MODEL == EVERY_MODEL - 1
    settings = {"FEEDBACK_MODEL": ""} if model else {}
    run = Run(plan.seed * 100_000 + number, plan.messages, plan.rate, faults, plan.workers)
    prefix = f"soak{int(time.time())}-{number}."
    fleet = Fleet(broker.bootstrap, prefix, folder, seed=run.seed, settings=settings)
    async with fleet:
        engine = Engine(run, fleet, broker)
        try:
            async with asyncio.timeout(LIMIT_S):
                outcome = await engine.run()
        except (AssertionError, ExceptionGroup, TimeoutError) as error:
            found = audit(fleet.observer.read_log(), fleet.observer.topics, LIMITS)
            found.problems.insert(0, f"aborted: {_root(error)}")
            outcome = engine.outcome(found)
    return row_of(plan, number, "model" if model else "hashing", outcome)


async def running(broker: LocalKafka) -> None:
    """Restart the nodes that an aborted schedule left paused or stopped."""
    for node in broker.nodes:
        node.resume()
        if node.pid is None:
            await node.start()


def _root(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".splitlines()[0]


async def soak(plan: Plan, first: int, rows: list[Row], console: Console) -> None:
    """Run the schedules from number `first`, and add their rows to `rows`."""
    folder = Path(tempfile.mkdtemp(prefix="feedback-soak-"))
    async with LocalKafka(folder / "kafka", plan.nodes) as broker:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("schedules", total=plan.schedules)
            for number in range(first, first + plan.schedules):
                mine = folder / str(number)
                mine.mkdir()
                await running(broker)
                row = await one(plan, number, broker, mine)
                soak_rows.append(plan.rows, row)
                rows.append(row)
                failed = soak_rows.failures(row)
                console.print(
                    f"schedule {number}: {row['messages']} messages, {row['seconds']} s, "
                    + (f"FAILED ({'; '.join(failed)}), see {mine}" if failed else "ok"),
                    soft_wrap=True,
                )
                if not failed:
                    shutil.rmtree(mine)
                progress.advance(task)
    if not any(map(soak_rows.failures, rows)):
        shutil.rmtree(folder)


def main() -> None:
    """Run; exits with status 1 if a schedule failed."""
    logging.basicConfig(level=logging.CRITICAL)
    plan, console = arguments(sys.argv[1:]), Console(stderr=False)
    rows: list[Row] = []
    first = soak_rows.following(soak_rows.of_seed(soak_rows.read(plan.rows), plan.seed))
    if plan.schedules:
        with contextlib.suppress(KeyboardInterrupt):  # finished schedules count
            asyncio.run(soak(plan, first, rows, console))
    every = soak_rows.read(plan.rows)
    console.print(soak_rows.table(rows, every, plan.seed))
    reported = rows if plan.schedules else every
    print(orjson.dumps(soak_rows.summary(reported)).decode())
    sys.exit(any(map(soak_rows.failures, reported)))


if __name__ == "__main__":
    main()

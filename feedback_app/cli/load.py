"""`feedback load`: sends a file of feedback into the pipeline."""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from feedback_app.cli.common import CheckFailed, Command, kafka_settings, progress, run
from feedback_app.cli.rows import Reader, Row
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.clients import DEPENDENCY, producer
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import rfc3339

MAX_IN_FLIGHT = 1000
"""Records that may await an acknowledgement by the broker."""
MAX_LISTED = 20
"""Bad lines that are listed one by one."""

EXAMPLE = (
    "\b\nExample:\n  feedback load survey.csv\n  feedback load export.jsonl\n\n"
    "\b\nColumns or fields: text, and if you have them id, author, url, created_at, lang, source."
)


class Loaded(NamedTuple):
    """The outcome of a file's rows: how many were sent, and the bad lines with their reasons."""

    sent: int
    bad: list[str]


@click.command(cls=Command, epilog=EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Send a CSV or JSON-lines FILE of feedback into the pipeline.

    A row's id is derived from its content, so a file that is loaded twice counts once. Bad lines
    are listed and skipped; the exit status is then 1.
    """
    settings = kafka_settings()
    loaded = run(_load(settings, file, file.stat().st_size))
    click.echo(f"Sent {loaded.sent} of {loaded.sent + len(loaded.bad)} rows of {file}.")
    for line in loaded.bad[:MAX_LISTED]:
        click.echo(line, err=True)
    if loaded.bad:
        more = len(loaded.bad) - MAX_LISTED
        rest = f" ({more} of them not listed)" if more > 0 else ""
        raise CheckFailed(f"{len(loaded.bad)} lines were skipped{rest}: fix them and load again")


async def _load(settings: Settings, file: Path, size: int) -> Loaded:
    topics = Topics.of(settings)
    await ensure_topics(settings, topics)
    rows = Reader(file, rfc3339(time.time())).rows()
    loaded = Loaded(0, [])
    async with producer(settings) as client:
        with progress("bytes") as bar:
            task = bar.add_task(file.name, total=size)
            while batch := await asyncio.to_thread(_next_batch, rows):
                loaded = await _send(client, topics.raw.name, batch, loaded)
                bar.update(task, completed=batch[-1].position)
    return loaded


def _next_batch(rows: Iterator[Row]) -> list[Row]:
    return list(islice(rows, MAX_IN_FLIGHT))


async def _send(client: AIOKafkaProducer, topic: str, rows: list[Row], loaded: Loaded) -> Loaded:
    """Send rows and wait until the broker has acknowledged all of them."""
    sent, bad = 0, list(loaded.bad)
    pending = []
    for row in rows:
        if row.feedback is None:
            bad.append(f"line {row.line}: {row.reason}")
            continue
        try:
            pending.append(
                await client.send(topic, row.feedback.encode(), key=row.feedback.id.encode())
            )
        except MessageSizeTooLargeError:
            bad.append(f"line {row.line}: larger than Kafka accepts")
        except KafkaError as error:
            raise TransientError(DEPENDENCY, f"cannot write to {topic}: {error}") from error
    for future in pending:
        try:
            await future
        except KafkaError as error:
            raise TransientError(
                DEPENDENCY,
                f"cannot write to {topic} ({error}): {loaded.sent + sent} rows were sent; load "
                "the file again, each row counts once",
            ) from error
        sent += 1
    return Loaded(loaded.sent + sent, bad)

"""`feedback load`: a file of feedback into the pipeline."""

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

AT_ONCE = 1000
"""Records on their way to the broker at the same time."""
NAMED = 20
"""Bad lines that are named one by one."""

EXAMPLE = (
    "\b\nExample:\n  feedback load survey.csv\n  feedback load export.jsonl\n\n"
    "\b\nColumns or fields: text, and if you have them id, author, url, created_at, lang, source."
)


class Loaded(NamedTuple):
    """What became of a file's rows."""

    sent: int
    bad: list[str]


@click.command(cls=Command, epilog=EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Send a CSV or JSON-lines FILE of feedback into the pipeline.

    A row's id comes from its content, so that a file loaded twice counts once. Bad lines are named
    and left out; the command then ends with status 1.
    """
    settings = kafka_settings()
    loaded = run(_load(settings, file, file.stat().st_size))
    click.echo(f"Sent {loaded.sent} of {loaded.sent + len(loaded.bad)} rows of {file}.")
    for line in loaded.bad[:NAMED]:
        click.echo(line, err=True)
    if loaded.bad:
        more = len(loaded.bad) - NAMED
        rest = f", {more} more than are named above" if more > 0 else ""
        raise CheckFailed(f"{len(loaded.bad)} lines were left out{rest}: mend them and load again")


async def _load(settings: Settings, file: Path, size: int) -> Loaded:
    topics = Topics.of(settings)
    await ensure_topics(settings, topics)
    rows = Reader(file, rfc3339(time.time())).rows()
    loaded = Loaded(0, [])
    async with producer(settings) as client:
        with progress("bytes") as bar:
            task = bar.add_task(file.name, total=size)
            while batch := await asyncio.to_thread(_take, rows):
                loaded = await _send(client, topics.raw.name, batch, loaded)
                bar.update(task, completed=batch[-1].position)
    return loaded


def _take(rows: Iterator[Row]) -> list[Row]:
    return list(islice(rows, AT_ONCE))


async def _send(client: AIOKafkaProducer, topic: str, rows: list[Row], loaded: Loaded) -> Loaded:
    """Send rows and wait until the broker has them all."""
    sent, bad = 0, list(loaded.bad)
    waiting = []
    for row in rows:
        if row.feedback is None:
            bad.append(f"line {row.line}: {row.reason}")
            continue
        try:
            waiting.append(
                await client.send(topic, row.feedback.encode(), key=row.feedback.id.encode())
            )
        except MessageSizeTooLargeError:
            bad.append(f"line {row.line}: larger than Kafka takes")
        except KafkaError as error:
            raise TransientError(DEPENDENCY, f"cannot write to {topic}: {error}") from error
    for future in waiting:
        try:
            await future
        except KafkaError as error:
            raise TransientError(
                DEPENDENCY,
                f"cannot write to {topic} ({error}): {loaded.sent + sent} rows are in; load the "
                "file again, what is in counts once",
            ) from error
        sent += 1
    return Loaded(loaded.sent + sent, bad)

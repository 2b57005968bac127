"""What the commands are given to read on a real broker, and what they wrote."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from click.testing import Result

from feedback_app.cli.common import run
from feedback_app.hop.types import Row
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.clients import producer
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import DeadLetter, Feedback, ScoredFeedback
from tests.support.clocks import HandClock

PARTITIONS = 3
Run = Callable[..., Result]


def shown(result: Result) -> Any:
    """Return the JSON that a command printed."""
    return json.loads(result.stdout)


def read(settings: Settings, topic: str, partitions: int = PARTITIONS) -> list[Row]:
    """Return every record of a topic."""
    rows: list[Row] = []
    start = dict.fromkeys(range(partitions), 0)
    run(TopicReader(settings, HandClock()).read_to_high_watermark(topic, start, None, rows.append))
    return rows


def write(settings: Settings, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
    """Produce records, key and value, after the topics are there."""

    async def send() -> None:
        await ensure_topics(settings, Topics.of(settings))
        async with producer(settings) as client:
            for key, value in records:
                await client.send_and_wait(topic, key=key, value=value)

    run(send())


def dead(settings: Settings, offset: int, value: bytes, **fields: Any) -> tuple[bytes, bytes]:
    """Return a dead-letter record of a record of `raw`."""
    given: dict[str, Any] = {
        "topic": Topics.of(settings).raw.name,
        "partition": 2,
        "stage": "sentiment",
        "error": "InvalidRecord",
        "reason": "not JSON",
    } | fields
    letter = DeadLetter.of(
        offset=offset,
        key=b"k%d" % offset,
        value=value,
        attempts=1,
        failed_at="2026-03-01T00:00:00.000Z",
        **given,
    )
    return b"k%d" % offset, letter.encode()


def scored(id: str, score: float | None, *, kind: str = "create", first: bool = True) -> bytes:
    """Return a record of `scored`."""
    text = "" if kind == "delete" else f"text of {id}"
    given = Feedback(id=id, text=text, kind=kind, source="x")
    label = None if score is None else "negative" if score < 0.5 else "positive"
    return ScoredFeedback(feedback=given, score=score, label=label, first=first).encode()


def produce_at(settings: Settings, records: Sequence[tuple[str, bytes, float]]) -> None:
    """Produce into `scored`: id, value, and the time of the record in Unix seconds."""

    async def send() -> None:
        await ensure_topics(settings, Topics.of(settings))
        async with producer(settings) as client:
            for id, value, at in records:
                await client.send_and_wait(
                    Topics.of(settings).scored.name,
                    key=id.encode(),
                    value=value,
                    timestamp_ms=int(at * 1000),
                )

    run(send())

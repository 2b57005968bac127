"""A plain Faust application, as its documentation shows it: BOOTSTRAP IN OUT SCORER."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import faust

from benchmarks.peers.model import scorer

bootstrap, source, target, kind = sys.argv[1:5]
app = faust.App(f"{source}-faust", broker=f"kafka://{bootstrap}", store="memory://")


class Message(faust.Record):
    """An input of the hop."""

    id: str
    text: str
    source: str
    lang: str
    author: str
    created_at: str


class Feedback(Message):
    """An input of the whole job."""

    revision: int
    kind: str
    url: str | None
    received_at: str
    truncated: bool
    version: int


class Scored(Message):
    """An output of the hop."""

    score: float


class ScoredFeedback(Feedback):
    """An output of the whole job."""

    score: float


Out: Any = Scored if kind == "none" else ScoredFeedback
messages = app.topic(source, key_type=bytes, value_type=Message if kind == "none" else Feedback)
scored = app.topic(target, key_type=bytes, value_type=Out)
score = scorer(kind)
BATCH, WITHIN_S = 256, 0.01


async def one_by_one(stream: Any) -> None:
    """Add a score to each message."""
    events: AsyncIterator[Any] = stream.events()
    async for event in events:
        (found,) = score([event.value.text])
        await scored.send(key=event.key, value=Out(**event.value.asdict(), score=found))


async def in_batches(stream: Any) -> None:
    """Add scores to the waiting messages, because this scorer accepts batches."""
    batches: AsyncIterator[list[Any]] = stream.take_events(BATCH, within=WITHIN_S)
    async for events in batches:
        found = await asyncio.to_thread(score, [event.value.text for event in events])
        for event, one in zip(events, found, strict=True):
            await scored.send(key=event.key, value=Out(**event.value.asdict(), score=one))


app.agent(messages)(in_batches if kind == "own" else one_by_one)

if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "info", "--without-web"]
    app.main()

"""A plain Faust application, as its documentation shows it: BOOTSTRAP IN OUT."""

import sys
from collections.abc import AsyncIterator
from typing import Any

import faust

bootstrap, source, target = sys.argv[1:4]
app = faust.App(f"{source}-faust", broker=f"kafka://{bootstrap}", store="memory://")


class Message(faust.Record):
    """What comes in."""

    id: str
    text: str
    source: str
    lang: str
    author: str
    created_at: str


class Scored(faust.Record):
    """What goes out."""

    id: str
    text: str
    source: str
    lang: str
    author: str
    created_at: str
    score: float


messages = app.topic(source, key_type=bytes, value_type=Message)
scored = app.topic(target, key_type=bytes, value_type=Scored)


@app.agent(messages)
async def score(stream: Any) -> None:
    """Add a score."""
    events: AsyncIterator[Any] = stream.events()
    async for event in events:
        data = event.value.asdict()
        await scored.send(key=event.key, value=Scored(**data, score=0.5))


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "info", "--without-web"]
    app.main()

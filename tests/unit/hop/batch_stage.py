"""A batch stage that runs on a broker in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from feedback_app.hop import Item, Output, Result, Row
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.stage import StageSpec
from feedback_app.hop.types import StateTopic
from models import InvalidRecord
from tests.support.stages import (
    MemoryBroker,
    assigned,
)

Handler = Callable[[Sequence[Item[str]]], Awaitable[list[Result]]]


def decode(value: bytes | None, key: bytes | None) -> str:
    if value is None or value == b"junk":
        raise InvalidRecord("not text")
    return value.decode()


class Seen:
    """State that remembers the outputs."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def restore(self, row: Row) -> None:
        assert row.value is not None
        if row.value.decode() not in self.values:
            self.values.append(row.value.decode())

    def remember(self, what: Any) -> None:
        self.values.append(what)


def spec(state: StateTopic | None = None) -> StageSpec:
    return StageSpec("stage", "in", decode, lambda value: "src", count_read="ingested", state=state)


async def echo(items: Sequence[Item[str]]) -> list[Result]:
    return [
        Result(
            [Output("out", item.key, item.value.encode(), item.partition)],
            [("src", "done")],
            remember=item.value,
        )
        for item in items
    ]


class Running:
    """A stage that runs for the length of a test."""

    def __init__(self, broker: MemoryBroker, handler: Handler, **more: Any) -> None:
        self.stage = BatchStage(spec(more.pop("state", None)), broker.context, handler, **more)

    async def __aenter__(self) -> BatchStage:
        await assigned(self.stage, 0, 1)
        self._task = asyncio.ensure_future(self.stage.run())
        return self.stage

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

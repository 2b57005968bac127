"""The consumer around a rebalance, without a broker."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError
from faust.transport.consumer import ThreadDelegateConsumer
from faust.types.tuples import TP

from feedback_app.hop.transport import StageConsumer


class Eager:
    """A stage that accepts everything."""

    def __init__(self) -> None:
        self.acked: dict[TP, int] = {}
        self.got: list[Any] = []

    def accepts(self, tp: TP) -> bool:
        return True

    def submit(self, tp: TP, records: list[Any]) -> None:
        self.got += records

    def assign(self, tps: set[TP], generation: int) -> None:
        """Start on them."""

    async def drain(self) -> None:
        """Finish what is in flight."""


async def test_a_rebalance_during_the_seek_after_another_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app: Any = SimpleNamespace(consumer_generation_id=0)
    consumer, stage, tp = object.__new__(StageConsumer), Eager(), TP("t", 0)
    consumer.app, consumer.stages, consumer.flow_active = app, {"t": stage}, True
    sought: list[int] = []

    async def fetched(self: StageConsumer, tps: set[TP], timeout: float) -> dict[TP, list[Any]]:
        app.consumer_generation_id += 1
        return {tp: ["a record of a generation that is over"]}

    async def seek() -> None:
        sought.append(app.consumer_generation_id)
        raise IllegalStateError("No current assignment")

    monkeypatch.setattr(ThreadDelegateConsumer, "_getmany", fetched)
    monkeypatch.setattr(consumer, "perform_seek", seek)
    assert await consumer._getmany({tp}, 1.0) == {}
    assert (sought, stage.got) == ([1], [])

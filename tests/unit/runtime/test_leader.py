"""The leader's timer: it writes what is due, and no failure leaves it."""

from collections.abc import Sequence
from typing import Any

import pytest

from feedback_app.hop import Output, TransientError
from feedback_app.kafka.topics import Topic
from feedback_app.runtime.leader import request_polls
from models import PollRequest

TOPIC = Topic("feedback.polls", 4)
REQUEST = PollRequest(source="x", due_at="2027-01-15T08:00:00.000Z")


class World:
    """The timer, the shared state and the broker in one; notes the calls, raises `fault` at one."""

    def __init__(self, fault: Exception | None = None, at: str = "") -> None:
        self.fault, self.at = fault, at
        self.due = [REQUEST]
        self.calls: list[str] = []
        self.produced: list[Output] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.fault is not None and name == self.at:
            raise self.fault

    async def caught_up(self) -> None:
        self._call("caught_up")

    def tick(self) -> list[PollRequest]:
        self._call("tick")
        return self.due

    async def produce(self, outputs: Sequence[Output]) -> None:
        self._call("produce")
        self.produced += outputs


async def request(world: World) -> None:
    timer: Any = world
    shared: Any = world
    await request_polls(timer, TOPIC, world.produce, shared)


async def test_what_is_due_is_written_once_the_shared_state_is_read() -> None:
    world = World()
    await request(world)
    assert world.calls == ["caught_up", "tick", "produce"]
    assert world.produced == [Output("feedback.polls", b"x", REQUEST.encode())]


async def test_nothing_is_written_if_nothing_is_due() -> None:
    world = World()
    world.due = []
    await request(world)
    assert world.calls == ["caught_up", "tick"]


@pytest.mark.parametrize("at", ["caught_up", "tick", "produce"])
@pytest.mark.parametrize("fault", [TransientError("kafka", "no broker"), KeyError("a bug")])
async def test_no_failure_reaches_faust(
    fault: Exception, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(fault, at)
    await request(world)
    assert world.calls[-1] == at
    assert world.produced == []
    assert "no polls were requested" in caplog.text

"""The shared state, while the dead letters cannot be counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.runtime import shared_state as shared
from feedback_app.runtime.shared_state import SharedState
from feedback_app.settings import Settings
from tests.unit.alerting.virtual import VirtualClock, run

LIBRARY_GIVES_UP_S = 15.0


class Consumer:
    """A consumer on topics with one tombstone each; `fault` is raised for the dead letters."""

    def __init__(self, dead_letters: str, fault: KafkaError | None) -> None:
        self.dead_letters, self.fault = dead_letters, fault
        self.unread: list[TopicPartition] = []
        self.asked = 0

    def assign(self, tps: Sequence[TopicPartition]) -> None:
        self.unread = list(tps)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Do nothing: everything is read from the start."""

    def pause(self, *tps: TopicPartition) -> None:
        """Do nothing: this consumer does not prefetch."""

    resume = pause

    async def beginning_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._offsets(tps, 0)

    async def end_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._offsets(tps, 1)

    async def _offsets(
        self, tps: Sequence[TopicPartition], number: int
    ) -> dict[TopicPartition, int]:
        if any(tp.topic == self.dead_letters for tp in tps):
            self.asked += 1
            if self.fault is not None:
                if isinstance(self.fault, KafkaTimeoutError):
                    await asyncio.sleep(LIBRARY_GIVES_UP_S)
                raise self.fault
        return dict.fromkeys(tps, number)

    async def getmany(
        self, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list["Record"]]:
        if not self.unread:
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        return {self.unread.pop(): [Record()]}


class Record:
    """A tombstone."""

    offset, key, value = 0, b"anything", None


@pytest.mark.parametrize("fault", [KafkaTimeoutError("no leader"), KafkaError("stray"), None])
def test_dead_letters_that_cannot_be_counted_block_nothing(
    monkeypatch: pytest.MonkeyPatch, fault: KafkaError | None
) -> None:
    settings = load({})
    topics = Topics.of(settings)
    connected: list[Consumer] = []

    @asynccontextmanager
    async def reader(settings: Settings, wait_ms: int) -> AsyncIterator[Consumer]:
        connected.append(Consumer(topics.dead_letters.name, fault))
        yield connected[-1]

    monkeypatch.setattr(shared, "reader", reader)

    async def story() -> None:
        state = SharedState(settings, topics, VirtualClock())
        await state.start()
        await asyncio.sleep(0.1)
        await asyncio.wait_for(state.caught_up(), 5)
        await asyncio.sleep(60)
        assert len(connected) == 1
        assert connected[0].asked
        total = {"open": 1, "total": 1}
        assert state.dead_letters.counts() == (total if fault is None else None)
        await state.stop()

    run(story())

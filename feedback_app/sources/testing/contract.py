"""The contract of polled sources, as tests that any of them can be put through."""

import abc
import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Output
from feedback_app.sources.protocol import SourceState
from feedback_app.sources.testing.context import MemoryContext, Worker
from models import Cursor


class Upstream(Protocol):
    """A stand-in of the platform, and a context with one source that reads it."""

    @property
    def context(self) -> MemoryContext:
        """The context; its settings have one source."""

    def advance(self, seconds: float) -> None:
        """Move the clock of the context and of the platform."""

    def put(self, text: str) -> str:
        """Publish an item and return the feedback id that it must have."""

    def put_malformed(self) -> None:
        """Make the platform hand out an item that cannot be read."""

    def fail(self) -> None:
        """Fail every request from now on."""

    def recover(self) -> None:
        """Answer again."""


class Crash(BaseException):
    """The end of a process in the middle of a poll."""


@dataclass(slots=True)
class Trial:
    """An upstream with a worker that polls its source."""

    up: Upstream
    worker: Worker

    @property
    def source(self) -> str:
        """The id of the source."""
        return self.up.context.settings.sources[0].id

    @property
    def cursor(self) -> Cursor | None:
        """The source's cursor on the topic."""
        return self.up.context.shared.cursors.get(self.source)

    @property
    def state(self) -> SourceState:
        """The state that was reported last."""
        return self.up.context.states[self.source]

    @property
    def ids(self) -> list[str]:
        """The ids of what was sent, in its order."""
        return [each.id for each in self.up.context.feedback]

    async def poll(self, after: float = 1.0) -> None:
        """Run one poll after so many seconds."""
        self.up.advance(after)
        await self.worker.poll(self.source)

    async def poll_that_fails(self) -> float:
        """Run a poll that must raise TransientError, and return the wait that it names."""
        wait: float | None = None
        try:
            await self.poll()
        except TransientError as error:
            wait = error.retry_after
        assert wait is not None, "the poll must raise TransientError"
        return wait


Check = Callable[["PolledSourceContract", Trial], Awaitable[None]]


def contract_test(check: Check) -> Callable[["PolledSourceContract"], None]:
    """Turn a check into a test that runs by itself, on a fresh upstream."""

    def test(contract: "PolledSourceContract") -> None:
        async def run() -> None:
            async with contract.upstream() as up:
                worker = Worker(up.context)
                try:
                    await check(contract, Trial(up, worker))
                finally:
                    await worker.close()

        asyncio.run(run())

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    return test


class PolledSourceContract(abc.ABC):
    """What every polled source must do. Each test gets an upstream of its own."""

    @abc.abstractmethod
    def upstream(self) -> AbstractAsyncContextManager[Upstream]:
        """Return a fresh platform without items, whose source is to read all that is put."""

    @contract_test
    async def test_each_item_is_sent_once(self, trial: Trial) -> None:
        """Items arrive under their ids, and later polls do not send them again."""
        await trial.poll()
        ids = [trial.up.put("one"), trial.up.put("two")]
        await trial.poll()
        await trial.poll()
        ids.append(trial.up.put("three"))
        await trial.poll()
        assert Counter(trial.ids) == Counter(ids)
        assert {each.source for each in trial.up.context.feedback} == {trial.source}
        assert trial.state.state == "running"

    @contract_test
    async def test_a_crash_between_data_and_cursor_loses_nothing(self, trial: Trial) -> None:
        """A process that ends before it writes the cursor leaves everything to the next one."""
        await trial.poll()
        before, ids = trial.cursor, {trial.up.put("one"), trial.up.put("two")}
        context, produce = trial.up.context, trial.up.context.produce

        async def crash(outputs: Sequence[Output]) -> None:
            if any(each.key == trial.source.encode() for each in outputs):
                raise Crash
            await produce(outputs)

        context.produce = crash  # type: ignore[method-assign]
        try:
            await trial.poll()
        except Crash:
            context.produce = produce  # type: ignore[method-assign]
        assert context.produce == produce, "every poll writes a cursor"
        assert trial.cursor == before
        await trial.worker.restart()
        await trial.poll()
        assert set(trial.ids) == ids

    @contract_test
    async def test_the_cursor_follows_the_data(self, trial: Trial) -> None:
        """A broker that refuses the data moves no cursor, and the next poll sends the data."""
        await trial.poll()
        before, found = trial.cursor, trial.up.put("one")
        trial.up.context.refuse.append(TransientError("kafka", "no broker"))
        wait = await trial.poll_that_fails()
        assert trial.cursor == before
        await trial.poll(after=wait + 1)
        assert trial.ids == [found]
        assert trial.up.context.produced[-1].key == trial.source.encode()

    @contract_test
    async def test_a_malformed_item_costs_only_itself(self, trial: Trial) -> None:
        """It is one dead letter, once, and the items around it arrive."""
        await trial.poll()
        ids = {trial.up.put("before")}
        trial.up.put_malformed()
        ids.add(trial.up.put("after"))
        for _ in range(3):
            await trial.poll()
        assert set(trial.ids) == ids
        (letter,) = trial.up.context.dead
        assert letter.topic == trial.source
        assert letter.reason

    @contract_test
    async def test_a_transient_error_leaves_the_cursor(self, trial: Trial) -> None:
        """The poll raises, the state says why, and nothing is lost."""
        await trial.poll()
        before, found = trial.cursor, trial.up.put("one")
        trial.up.fail()
        wait = await trial.poll_that_fails()
        assert trial.cursor == before
        assert trial.state.state not in ("running", "waiting"), "raise SourceFault"
        assert trial.state.detail
        trial.up.recover()
        await trial.poll(after=wait + 1)
        assert trial.ids == [found]
        assert trial.state.state == "running"

    @contract_test
    async def test_a_paused_source_is_left_alone(self, trial: Trial) -> None:
        """Nothing is sent and no cursor written until it is resumed."""
        await trial.poll()
        found, written = trial.up.put("one"), len(trial.up.context.produced)
        trial.up.context.shared.stopped.add(trial.source)
        await trial.poll()
        assert len(trial.up.context.produced) == written
        assert trial.state.state == "paused"
        trial.up.context.shared.stopped.clear()
        await trial.poll()
        assert trial.ids == [found]

    @contract_test
    async def test_a_new_process_continues_from_the_cursor(self, trial: Trial) -> None:
        """What came in between is sent by the new process, and the cursor does not fall."""
        ids = {trial.up.put("one")}
        await trial.poll()
        before = trial.cursor
        ids.add(trial.up.put("in between"))
        await trial.worker.restart()
        await trial.poll()
        assert set(trial.ids) == ids
        assert before is not None
        assert trial.cursor is not None
        if before.position.isdigit() and trial.cursor.position.isdigit():
            assert int(trial.cursor.position) >= int(before.position)

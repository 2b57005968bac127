"""Shared state: the topics `cursors`, `actions` and `stats`, which every worker reads in full."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import DEPENDENCY, reader
from feedback_app.kafka.reader import CHUNK
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.sources.cursors import later
from feedback_app.stats.actions import DeadLetters
from feedback_app.stats.ledger import Ledger
from models import OWNER, Account, Action, Cursor, WorkerStatus
from models.action import PAUSE, RESUME

log = logging.getLogger(__name__)

COUNT_EVERY_S = 5.0
"""Seconds between two counts of the dead letters."""
COUNT_S = 1.0
"""Time limit of a count, because it delays all other reads."""
GATHER_S = 0.5
"""How long records gather while nobody waits for them: each fetch costs as much as a post."""
WAIT_MS = 500
"""How long the broker holds a fetch that finds nothing new."""
RETRY_S = 1.0

Apply = Callable[[bytes, bytes | None], None]
"""Applies a record, given its key and value."""


class SharedState(Service):
    """The newest cursor and action of each key, the ledger, and the newest accounts.

    Reads with a consumer without a group. `on_change` is called after each batch of records.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.cursors: dict[str, Cursor] = {}
        self.actions: dict[str, Action] = {}
        self.ledger = Ledger()
        self.dead_letters = DeadLetters()
        self._settings, self._clock, self._on_change = settings, clock, on_change
        self._accounts: dict[tuple[str, int], Account] = {}
        self._tables: dict[str, Apply] = {
            topics.cursors.name: self._update_cursor,
            topics.actions.name: self._update_action,
            topics.stats.name: self._add_stats,
        }
        self._tps = [TopicPartition(name, 0) for name in self._tables]
        self._dead_letters_tp = TopicPartition(topics.dead_letters.name, 0)
        self._next: dict[TopicPartition, int] = dict.fromkeys(self._tps, 0)
        self._consumer: AIOKafkaConsumer | None = None
        self._progress = asyncio.Event()
        self._awaited = asyncio.Event()

    def paused(self, source: str) -> bool:
        """Whether an operator has paused this source."""
        action = self.actions.get(source)
        return action is not None and action.type == PAUSE

    def account(self, stage: str, partition: int) -> Account | None:
        """Return the newest account of a stage's partition, by its last owner."""
        return self._accounts.get((stage, partition))

    async def caught_up(self) -> None:
        """Return once everything written before this call has been read; raises TransientError."""
        if self._consumer is None:
            raise TransientError(DEPENDENCY, "the shared topics cannot be read yet")
        try:
            ends = await self._consumer.end_offsets(self._tps)
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransientError(
                DEPENDENCY, f"the shared topics cannot be read: {error}"
            ) from error
        while any(self._next[tp] < end for tp, end in ends.items()):
            self._progress.clear()
            self._awaited.set()
            await self._progress.wait()

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            try:
                async with reader(self._settings, WAIT_MS) as consumer:
                    await self._follow(consumer)
            except (TransientError, KafkaError, OSError, TimeoutError) as error:
                log.warning("the shared topics cannot be read: %s", error)
            finally:
                self._consumer = None
            await self.sleep(RETRY_S)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read on from the last position until the service stops."""
        await self._seek(consumer)
        self._consumer = consumer
        self._progress.set()
        count_at = self._clock.monotonic()
        while not self.should_stop:
            if (now := self._clock.monotonic()) >= count_at:
                count_at = now + COUNT_EVERY_S
                await self._count_dead_letters(consumer)
            self._awaited.clear()
            if 0 < await self._read(consumer) < CHUNK:
                await self._gather(consumer)

    async def _seek(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign(self._tps)
        first = await consumer.beginning_offsets(self._tps)
        for tp in self._tps:
            self._next[tp] = max(self._next[tp], first[tp])
            consumer.seek(tp, self._next[tp])

    async def _read(self, consumer: AIOKafkaConsumer) -> int:
        """Apply the next records and return how many they are."""
        batches = await consumer.getmany(timeout_ms=1000, max_records=CHUNK)
        for tp, records in batches.items():
            update = self._tables[tp.topic]
            for record in records:
                _apply(update, record.key or b"", record.value)
            self._next[tp] = records[-1].offset + 1
        if batches:
            self._progress.set()
            self._on_change()
        return sum(map(len, batches.values()))

    async def _gather(self, consumer: AIOKafkaConsumer) -> None:
        """Let records gather for a while, unless `caught_up` waits for them."""
        # Without the pause the library prefetches, and repeats every fetch that found nothing.
        consumer.pause(*self._tps)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awaited.wait(), GATHER_S)
        consumer.resume(*self._tps)

    async def _count_dead_letters(self, consumer: AIOKafkaConsumer) -> None:
        """Update the count; keep the last one if the topic has no leader."""
        try:
            async with asyncio.timeout(COUNT_S):
                first = await consumer.beginning_offsets([self._dead_letters_tp])
                end = await consumer.end_offsets([self._dead_letters_tp])
        except (KafkaError, OSError, TimeoutError) as error:
            log.debug("the dead letters could not be counted: %s", error or "no answer")
            return
        self.dead_letters.set_offsets(first[self._dead_letters_tp], end[self._dead_letters_tp])

    def _update_cursor(self, key: bytes, value: bytes | None) -> None:
        name = key.decode()
        if value is None:
            self.cursors.pop(name, None)
            return
        cursor, known = Cursor.decode(value), self.cursors.get(name)
        if name == OWNER:
            # The first owner in the log stays the owner.
            self.cursors[name] = known or cursor
        else:
            # A late write by a zombie must not turn a source back.
            self.cursors[name] = later(known, cursor) or cursor

    def _update_action(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.actions.pop(key.decode(), None)
            return
        action = Action.decode(value)
        self.actions[action.target] = action
        self.dead_letters.apply(action)
        if action.type in (PAUSE, RESUME):
            log.info("source %s: %s", action.target, action.type)

    def _add_stats(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        if key.startswith(b"worker|"):
            self.ledger.apply(WorkerStatus.decode(value))
            return
        account = Account.decode(value)
        self.ledger.apply(account)
        known = self._accounts.get((account.stage, account.partition))
        if known is None or account.rank >= known.rank:
            self._accounts[account.stage, account.partition] = account


def _apply(update: Apply, key: bytes, value: bytes | None) -> None:
    try:
        update(key, value)
    except Exception as error:
        # It is read again at every start, so it must not stop any worker.
        log.warning("skipped a shared record with the key %r: %r", key[:100], error)

"""What every worker knows: cursors, actions and stats, read whole by a consumer without a group."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import DEPENDENCY, reader
from feedback_app.kafka.reader import CHUNK
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.sources.base import later
from feedback_app.stats.dead_letters import DeadLetters
from feedback_app.stats.ledger import Ledger
from models import OWNER, Account, Action, Cursor, WorkerStatus
from models.action import PAUSE, RESUME

log = logging.getLogger(__name__)

COUNT_EVERY_S = 5.0
"""How often the dead letters are counted."""
COUNT_S = 1.0
"""How long a count may take: all else that is read here waits behind it."""
GATHER_S = 0.5
"""How long records gather where nobody waits for them: each fetch costs as much as a post."""
WAIT_MS = 500
"""How long the broker holds a fetch that finds nothing new."""


class SharedState(Service):
    """The newest cursor and action of each key, the ledger, and the account of each partition."""

    def __init__(self, settings: Settings, topics: Topics) -> None:
        super().__init__()
        self.cursors: dict[str, Cursor] = {}
        self.actions: dict[str, Action] = {}
        self.ledger = Ledger()
        self.dead_letters = DeadLetters()
        self.listeners: list[Callable[[], None]] = []
        self._settings = settings
        self._accounts: dict[tuple[str, int], Account] = {}
        self._tables: dict[str, Callable[[bytes, bytes | None], None]] = {
            topics.cursors.name: self._take_cursor,
            topics.actions.name: self._take_action,
            topics.stats.name: self._take_stats,
        }
        self._tps = [TopicPartition(name, 0) for name in self._tables]
        self._letters = TopicPartition(topics.dead_letters.name, 0)
        self._next: dict[TopicPartition, int] = dict.fromkeys(self._tps, 0)
        self._consumer: AIOKafkaConsumer | None = None
        self._moved = asyncio.Event()
        self._awaited = asyncio.Event()

    def paused(self, source: str) -> bool:
        """Whether a person has stopped this source."""
        action = self.actions.get(source)
        return action is not None and action.type == PAUSE

    def account(self, stage: str, partition: int) -> Account | None:
        """Return the account of a stage's partition that is furthest on, of its last owner."""
        return self._accounts.get((stage, partition))

    async def caught_up(self) -> None:
        """Return once everything written before this call has been read; raises OutsideFault."""
        if self._consumer is None:
            raise TransientError(DEPENDENCY, "the shared topics cannot be read yet")
        try:
            ends = await self._consumer.end_offsets(self._tps)
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransientError(
                DEPENDENCY, f"the shared topics cannot be read: {error}"
            ) from error
        while any(self._next[tp] < end for tp, end in ends.items()):
            self._moved.clear()
            self._awaited.set()
            await self._moved.wait()

    @Service.task
    async def _read(self) -> None:
        while not self.should_stop:
            try:
                async with reader(self._settings, WAIT_MS) as consumer:
                    await self._follow(consumer)
            except (TransientError, KafkaError, OSError, TimeoutError) as error:
                log.warning("the shared topics cannot be read: %s", error)
            finally:
                self._consumer = None
            await self.sleep(1.0)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign(self._tps)
        first = await consumer.beginning_offsets(self._tps)
        for tp in self._tps:
            consumer.seek(tp, max(self._next[tp], first[tp]))
            self._next[tp] = max(self._next[tp], first[tp])
        self._consumer = consumer
        self._moved.set()
        counted_at = -COUNT_EVERY_S
        while not self.should_stop:
            if (now := monotonic()) >= counted_at + COUNT_EVERY_S:
                counted_at = now
                await self._count_letters(consumer)
            self._awaited.clear()
            batches = await consumer.getmany(timeout_ms=1000, max_records=CHUNK)
            for tp, records in batches.items():
                take = self._tables[tp.topic]
                for record in records:
                    self._take(take, record.key, record.value)
                self._next[tp] = records[-1].offset + 1
            if batches:
                self._moved.set()
                for listener in self.listeners:
                    listener()
                if sum(map(len, batches.values())) < CHUNK:
                    await self._gather(consumer)

    async def _gather(self, consumer: AIOKafkaConsumer) -> None:
        """Let records gather for a while, unless somebody waits for them."""
        # Else the library fetches ahead, and again for what it fetched nothing of.
        consumer.pause(*self._tps)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awaited.wait(), GATHER_S)
        consumer.resume(*self._tps)

    async def _count_letters(self, consumer: AIOKafkaConsumer) -> None:
        """Count them, or leave the last count as it is: their topic alone may have no leader."""
        try:
            async with asyncio.timeout(COUNT_S):
                first = await consumer.beginning_offsets([self._letters])
                end = await consumer.end_offsets([self._letters])
        except (KafkaError, OSError, TimeoutError) as error:
            log.debug("the dead letters could not be counted: %s", error or "no answer")
            return
        self.dead_letters.stand(first[self._letters], end[self._letters])

    def _take(
        self, take: Callable[[bytes, bytes | None], None], key: bytes | None, value: bytes | None
    ) -> None:
        try:
            take(key or b"", value)
        except Exception as error:
            # Whoever wrote it, it stands there at every start, and must not end any worker.
            log.warning("left out a shared record with the key %r: %r", (key or b"")[:100], error)

    def _take_cursor(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.cursors.pop(key.decode(), None)
        else:
            name, cursor = key.decode(), Cursor.decode(value)
            # A zombie's late write must not turn a source back; the first owner stays the owner.
            known = self.cursors.get(name)
            self.cursors[name] = (
                (known or cursor) if name == OWNER else later(known, cursor) or cursor
            )

    def _take_action(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.actions.pop(key.decode(), None)
            return
        action = Action.decode(value)
        self.actions[action.target] = action
        self.dead_letters.take(action)
        if action.type in (PAUSE, RESUME):
            log.info("source %s: %s", action.target, action.type)

    def _take_stats(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        if key.startswith(b"worker|"):
            self.ledger.take(WorkerStatus.decode(value))
            return
        account = Account.decode(value)
        self.ledger.take(account)
        known = self._accounts.get((account.stage, account.partition))
        if known is None or account.rank >= known.rank:
            self._accounts[account.stage, account.partition] = account

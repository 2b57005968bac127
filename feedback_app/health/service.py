"""Judges the health of the whole cluster on the leader and has notices posted."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from mode import Service

from feedback_app.clock import Clock
from feedback_app.health.facts import Facts
from feedback_app.health.notices import Notice, Notices
from feedback_app.health.notices_list import CHANNEL_REFUSED
from feedback_app.health.records import Key, Record, read
from feedback_app.health.stages import CHANNEL
from feedback_app.health.watch import Watch, conditions
from feedback_app.hop import Output, Produce, TransientError
from feedback_app.hop.stalls import StallDetector
from feedback_app.settings import Settings
from feedback_app.stats.ledger import Ledger
from models import Cursor

log = logging.getLogger(__name__)

EVERY_S = 2.0
Epoch = tuple[int, int]
"""The group's generation and the number of stalls of this process so far."""


class Shared(Protocol):
    """The state that every worker reads from Kafka."""

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """The newest cursor of each key."""

    @property
    def ledger(self) -> Ledger:
        """The state of the topic `stats`."""

    def paused(self, source: str) -> bool:
        """Whether an operator has paused this source."""

    async def caught_up(self) -> None:
        """Return once everything written before this call has been read; raises TransientError."""


class HealthWatch(Service):
    """Evaluates every two seconds while this worker leads; records a notice before posting it.

    `topic` is the name of the topic `cursors`.
    """

    def __init__(
        self,
        settings: Settings,
        shared: Shared,
        topic: str,
        produce: Produce,
        notices: Notices,
        is_leader: Callable[[], bool],
        generation: Callable[[], int],
        clock: Clock,
    ) -> None:
        super().__init__()
        self._settings, self._shared, self._clock = settings, shared, clock
        self._topic, self._produce = topic, produce
        self._notices, self._is_leader = notices, is_leader
        self._generation, self._stalls = generation, StallDetector(clock)
        self._watch = Watch()
        self._led: Epoch | None = None
        self._own: set[str] = set()
        """Ids of the messages that only this worker can have posted."""

    @Service.task
    async def _tick(self) -> None:
        self._stalls.begin()
        await self._stalls.tick()

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            try:
                await self.evaluate()
            except TransientError as fault:
                log.warning("the health check waits: %s", fault)
            except Exception:
                log.exception("the health check failed with a bug")
            await self._clock.sleep(EVERY_S)

    async def evaluate(self) -> None:
        """Evaluate all conditions once; raises TransientError if Kafka fails."""
        self._clear_recorded(read(self._shared.cursors))
        epoch = self._epoch()
        if epoch != self._led:
            self._led = epoch
            self._own.clear()
        if epoch is None:
            self._watch.reset()
            return
        # Read the previous leader's records first.
        await self._shared.caught_up()
        now, records = self._clock.time(), read(self._shared.cursors)
        facts = Facts(
            settings=self._settings,
            ledger=self._shared.ledger,
            cursors=self._shared.cursors,
            paused=self._shared.paused,
            records=records,
            now=now,
        )
        changed = self._watch.step(conditions(facts), records, now)
        for key, record in changed.items():
            self._log(key, record, new=key not in records)
        unchanged = {key: one for key, one in records.items() if key not in changed}
        after = self._post_due(unchanged)
        outputs = [self._output(key, one, now) for key, one in (changed | after).items()]
        if outputs:
            await self._produce(outputs)

    def _post_due(self, records: Mapping[Key, Record]) -> dict[Key, Record | None]:
        """Queue the messages that are due; return the updated records, None to delete one."""
        changed: dict[Key, Record | None] = {}
        for key, record in records.items():
            if not record.start_posted:
                if self._posted(key, record, end=False):
                    changed[key] = replace(record, start_posted=True)
            elif record.until is not None and self._posted(key, record, end=True):
                changed[key] = None
        return changed

    def _posted(self, key: Key, record: Record, *, end: bool) -> bool:
        epoch, message_id = self._led, record.message_id(key, end=end)
        text = record.end(key) if end else record.start(key)
        # It cannot lie in the future, even if the writer's clock is ahead.
        written = min(record.at, self._clock.time())
        notice = Notice(message_id, text, written, None if message_id in self._own else written)
        return self._notices.post(notice, lambda: self._epoch() == epoch)

    def _epoch(self) -> Epoch | None:
        """Return the leader epoch, or None if this worker does not lead for certain.

        While it stays the same, no other worker has led.
        """
        suspect = self._stalls.suspect()
        if suspect or not self._is_leader():
            return None
        return self._generation(), self._stalls.count

    def _log(self, key: Key, record: Record, *, new: bool) -> None:
        over = record.until is not None
        if new or over:
            self._own.add(record.message_id(key, end=over))
            log.warning("%s", record.end(key) if over else record.start(key))

    def _output(self, key: Key, record: Record | None, now: float) -> Output:
        value = None if record is None else record.cursor(key, now).encode()
        return Output(self._topic, key.record_key.encode(), value, 0)

    def _clear_recorded(self, records: Mapping[Key, Record]) -> None:
        """Clear what a stage of this worker raised once an open notice records it."""
        for raised in list(self._notices.raised):
            record = records.get(Key(CHANNEL_REFUSED, raised.removeprefix(CHANNEL)))
            if record is not None and record.until is None:
                del self._notices.raised[raised]

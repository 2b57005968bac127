"""Watches over the whole cluster on the leader, and has notices of it posted."""

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
Term = tuple[int, int]
"""The group's generation, and how often this process had stood still."""


class Shared(Protocol):
    """What every worker knows."""

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """The newest cursor of each key."""

    @property
    def ledger(self) -> Ledger:
        """All that the topic `stats` says."""

    def paused(self, source: str) -> bool:
        """Whether a person has stopped this source."""

    async def caught_up(self) -> None:
        """Return once everything written before this call has been read; raises OutsideFault."""


class HealthWatch(Service):
    """Judges every two seconds, where this worker leads; a notice is on record before it is posted.

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
        self._led: Term | None = None
        self._own: set[str] = set()
        """Ids of the messages that nobody but this worker can have posted."""

    @Service.task
    async def _tick(self) -> None:
        self._stalls.begin()
        await self._stalls.tick()

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            try:
                await self.look()
            except TransientError as fault:
                log.warning("the watch over the sources waits: %s", fault)
            except Exception:
                log.exception("the watch over the sources met a bug")
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Judge once; raises OutsideFault where Kafka fails."""
        self._hand_over(read(self._shared.cursors))
        term = self._term()
        if term != self._led:
            self._led = term
            self._own.clear()
        if term is None:
            self._watch.forget()
            return
        # What the leader before this one wrote must be known first.
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
        settled = {key: one for key, one in records.items() if key not in changed}
        after = self._told(settled)
        outputs = [self._output(key, one, now) for key, one in (changed | after).items()]
        if outputs:
            await self._produce(outputs)

    def _told(self, records: Mapping[Key, Record]) -> dict[Key, Record | None]:
        """Have posted what is due; return the records that this changed, None where all is said."""
        changed: dict[Key, Record | None] = {}
        for key, record in records.items():
            if not record.told:
                if self._posted(key, record, end=False):
                    changed[key] = replace(record, told=True)
            elif record.until is not None and self._posted(key, record, end=True):
                changed[key] = None
        return changed

    def _posted(self, key: Key, record: Record, *, end: bool) -> bool:
        term, message_id = self._led, record.message_id(key, end=end)
        text = record.end(key) if end else record.start(key)
        # It was written before it was read, also where the clock of who wrote it is ahead.
        written = min(record.at, self._clock.time())
        notice = Notice(message_id, text, written, None if message_id in self._own else written)
        return self._notices.post(notice, lambda: self._term() == term)

    def _term(self) -> Term | None:
        """Return what is the same for as long as certainly nobody else led, None in doubt."""
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

    def _hand_over(self, records: Mapping[Key, Record]) -> None:
        """Drop what a stage of this worker had to tell, once it is on record."""
        for told in list(self._notices.raised):
            record = records.get(Key(CHANNEL_REFUSED, told.removeprefix(CHANNEL)))
            if record is not None and record.until is None:
                del self._notices.raised[told]

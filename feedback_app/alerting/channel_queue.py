"""The queue of one channel: one alert at a time has the turn, in the order of the topic.

An alert whose post is uncertain is parked while that is reconciled, so that it blocks no other.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from feedback_app.alerting.pacing import Pacer
from feedback_app.alerting.receivers.base import Receiver
from feedback_app.hop import Item, Result
from models import Alert

MAX_PARKED = 8
"""Alerts of one channel that may be parked at a time."""


@dataclass(slots=True, eq=False)
class Entry:
    """An alert record that waits for its turn, or has it; `result` ends it.

    `blocks` are the alerts that must wait while it is parked. `not_found` is the intent, by the
    time of its acknowledgement, that reconciliation found no message for.
    """

    item: Item[Alert]
    turn: asyncio.Future[None]
    result: Result | None = None
    gone: bool = False
    blocks: frozenset[str] = frozenset()
    not_found: float | None = None


@dataclass(slots=True, eq=False)
class ChannelQueue:
    """What waits for one channel, and its pace.

    `notified` holds the errors that a notice was sent about since the last success, `shown` says
    that the channel is reported as blocked. `repaired` counts duplicates that were removed and not
    yet counted with a record; `swept_takeover` is the last takeover that a sweep was begun for.
    """

    name: str
    pacer: Pacer
    receiver: Receiver
    notified: set[str] = field(default_factory=set)
    shown: bool = False
    repaired: int = 0
    swept_takeover: float | None = None
    _waiting: deque[Entry] = field(default_factory=deque)
    _active: Entry | None = None
    _ids: Counter[str] = field(default_factory=Counter)
    _parked: set[Entry] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def dependency(self) -> str:
        """What is reported as blocked while the channel's requests fail."""
        return f"{self.receiver.name} {self.name}"

    def join(self, item: Item[Alert]) -> Entry:
        """Line up a record; it has the turn once its `turn` is done."""
        entry = Entry(item, asyncio.get_running_loop().create_future())
        self._ids[item.value.id] += 1
        self._line_up(entry)
        self._pass_on()
        return entry

    def busy_with(self, alert_id: str) -> bool:
        """Whether a record of this alert is lined up or has the turn."""
        return alert_id in self._ids

    def waiting(self) -> Iterator[Entry]:
        """Yield what waits, in order."""
        return (entry for entry in self._waiting if not entry.gone)

    def detach(self, entries: Sequence[Entry]) -> None:
        """Take entries out of the line: the one that has the turn carries them out with its own."""
        if entries:
            detached = set(map(id, entries))
            self._waiting = deque(entry for entry in self._waiting if id(entry) not in detached)

    def reattach(self, entries: Sequence[Entry]) -> None:
        """Line up again those detached entries that were not ended."""
        for entry in entries:
            if entry.result is None and not entry.gone:
                self._line_up(entry)

    def finish(self, entry: Entry, result: Result) -> None:
        """End a detached entry."""
        entry.result = result
        if not entry.turn.done():
            entry.turn.set_result(None)

    def park(self, entry: Entry, blocks: frozenset[str]) -> bool:
        """Give up the turn until `unpark`, if that is allowed now; `blocks` wait for it.

        Not allowed while the channel keeps failing, so that an outage does not change the order.
        """
        if len(self._parked) >= MAX_PARKED or self.pacer.failing:
            return False
        entry.blocks, entry.turn = blocks, asyncio.get_running_loop().create_future()
        self._parked.add(entry)
        self._active = None
        self._pass_on()
        return True

    def unpark(self, entry: Entry) -> None:
        """Line up again, in the order of the topic."""
        self._parked.discard(entry)
        self._line_up(entry)
        self._pass_on()

    def leave(self, entry: Entry) -> None:
        """Remove an entry, ended or not, and pass the turn on if it had it."""
        entry.gone = True
        self._parked.discard(entry)
        alert_id = entry.item.value.id
        self._ids[alert_id] -= 1
        if not self._ids[alert_id]:
            del self._ids[alert_id]
        if self._active is entry:
            self._active = None
        self._pass_on()

    def _line_up(self, entry: Entry) -> None:
        offset = entry.item.offset
        place = len(self._waiting)
        while place and self._waiting[place - 1].item.offset > offset:
            place -= 1
        self._waiting.insert(place, entry)

    def _pass_on(self) -> None:
        while self._waiting and self._waiting[0].gone:
            self._waiting.popleft()
        if self._active is None and (entry := self._next()) is not None:
            self._waiting.remove(entry)
            self._active = entry
            if not entry.turn.done():
                entry.turn.set_result(None)

    def _next(self) -> Entry | None:
        blocked = {alert_id for entry in self._parked for alert_id in entry.blocks}
        for entry in self._waiting:
            if not (entry.gone or entry.turn.cancelled() or entry.item.value.id in blocked):
                return entry
        return None

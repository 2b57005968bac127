"""Checkpointed counters of one partition of a stage: absolute counts, each record counted once."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from feedback_app.hop.types import Count, Output
from models.account import Account, Counts
from models.wire import rfc3339


def minute_of(now: float) -> str:
    """Return the minute of a Unix time, in RFC 3339."""
    return rfc3339(now // 60 * 60)


def tally(counts: Iterable[Count], into: Counts) -> None:
    """Add counts to `into`; a name that begins with `-` is subtracted."""
    for (group, name), n in Counter(counts).items():
        names = into.setdefault(group, {})
        if name[0] == "-":
            names[name[1:]] = names.get(name[1:], 0) - n
        else:
            names[name] = names.get(name, 0) + n


NO_PREVIOUS: dict[str, Any] = {"term": -1, "minute": "", "first": -1, "offset": -1, "counts": {}}
"""The previous epoch that the first owner of a partition reports."""


def _previous_epoch(account: Account) -> dict[str, Any]:
    """Return what the next owner reports of the accounting record that it continues from."""
    return {
        "term": account.term,
        "minute": account.minute,
        "first": account.first,
        "offset": account.offset,
        "counts": account.counts,
    }


@dataclass(slots=True)
class _Sent:
    """How far this owner has sent, and in which minute. The broker may have it unacknowledged."""

    minute: str = ""
    offset: int = -1


class Counters:
    """Counts records in offset order; a record at or below the highest counted offset is skipped.

    A batch counts into the copy that `next_record` returns. The copy replaces the original only
    once the broker has acknowledged its accounting record, so a batch can be retried, whole or in
    parts. Until all that was sent is counted, the minute stays the one it was sent in: a record of
    the next minute would count the same offsets twice. A new owner writes accounting records of
    its own after `last`, the newest of the partition, because the previous owner may still write.
    """

    def __init__(
        self,
        stage: str,
        partition: int,
        last: Account | None,
        clock: Callable[[], float],
        generation: int = 0,
    ) -> None:
        self.stage, self.partition, self._clock = stage, partition, clock
        self.offset = -1 if last is None else last.offset
        # A sum, because a group that was empty for a week restarts its generations: it exceeds all
        # epochs written so far, and tells apart two owners that continue from the same record.
        self._epoch = generation if last is None else max(last.term, 0) + max(generation, 1)
        self._previous: dict[str, Any] | None = (
            NO_PREVIOUS if last is None else _previous_epoch(last)
        )
        self._first, self._minute = self.offset + 1, ""
        self._counts: Counts = {}
        self._sent = _Sent()

    def next_record(self) -> "Counters":
        """Return a copy that counts on, for the accounting record of the present minute."""
        copy = Counters(self.stage, self.partition, None, self._clock)
        copy.offset, copy._epoch, copy._previous = self.offset, self._epoch, None
        copy._sent = self._sent
        unacknowledged = self._sent.offset > self.offset
        copy._minute = self._sent.minute if unacknowledged else minute_of(self._clock())
        if self._previous is not None:
            # Not before the minute of the previous owner, whose clock may be hours ahead.
            copy._minute = max(copy._minute, self._previous["minute"])
        if self._minute and copy._minute > self._minute:
            copy._first = self.offset + 1
            return copy
        # The open record stays open, also after the clock was set back.
        copy._minute = self._minute or copy._minute
        copy._first, copy._previous = self._first, self._previous
        copy._counts = {group: dict(names) for group, names in self._counts.items()}
        return copy

    def add(self, offset: int, counts: Iterable[Count]) -> None:
        """Count the records up to `offset`, unless they were counted before."""
        if offset <= self.offset:
            return
        self.offset = offset
        tally(counts, self._counts)

    def output(self, topic: str, in_flight: Counts | None = None) -> Output:
        """Return the accounting record for the topic `stats`; it counts as sent from now on."""
        if self.offset >= self._sent.offset:
            self._sent.minute, self._sent.offset = self._minute, self.offset
        account = Account(
            stage=self.stage,
            partition=self.partition,
            minute=self._minute,
            offset=self.offset,
            counts=self._counts,
            ahead=in_flight,
            first=self._first,
            term=self._epoch,
            before=self._previous,
        )
        return Output(topic, account.key, account.encode(), 0)

"""The account of one partition of a stage: absolute counts, each record counted once."""

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
    """Add counts to `into`; a name that begins with `-` takes one off."""
    for (group, name), n in Counter(counts).items():
        names = into.setdefault(group, {})
        if name[0] == "-":
            names[name[1:]] = names.get(name[1:], 0) - n
        else:
            names[name] = names.get(name, 0) + n


NO_PREVIOUS: dict[str, Any] = {"term": -1, "minute": "", "first": -1, "offset": -1, "counts": {}}
"""What the first owner of a partition goes on from."""


def _previous_epoch(account: Account) -> dict[str, Any]:
    """Return what the next owner tells of the page that it goes on from."""
    return {
        "term": account.term,
        "minute": account.minute,
        "first": account.first,
        "offset": account.offset,
        "counts": account.counts,
    }


@dataclass(slots=True)
class _Sent:
    """How far an owner has sent, and in which minute; the broker may have it and nobody know."""

    minute: str = ""
    offset: int = -1


class Counters:
    """Counts records in offset order; one at or below the highest offset counted is left out.

    A page that was sent takes the place of the one before only when the broker has it, so
    that a batch can be tried again, whole or in pieces. Until all of it is counted the minute
    stays the one it was sent in: a page of the next would stand beside it. An owner begins a
    page of its own after `last`, the newest account of the partition: a former owner may still
    write on in its.
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
        # A sum, for the group counts its generations anew when it was empty for a week: higher than
        # what was written, and two owners that go on from the same account are told apart.
        self._epoch = generation if last is None else max(last.term, 0) + max(generation, 1)
        self._previous: dict[str, Any] | None = (
            NO_PREVIOUS if last is None else _previous_epoch(last)
        )
        self._first, self._minute = self.offset + 1, ""
        self._counts: Counts = {}
        self._sent = _Sent()

    def next_record(self) -> "Counters":
        """Return a book that counts on from here, in the minute that it is now."""
        page = Counters(self.stage, self.partition, None, self._clock)
        page.offset, page._epoch, page._previous = self.offset, self._epoch, None
        page._sent = self._sent
        under_way = self._sent.offset > self.offset
        page._minute = self._sent.minute if under_way else minute_of(self._clock())
        if self._previous is not None:
            # Nor before the former owner's minute, whose clock may have been ahead by hours.
            page._minute = max(page._minute, self._previous["minute"])
        if self._minute and page._minute > self._minute:
            page._first = self.offset + 1
            return page
        # Also after a step back of the clock: the page that is open stays open.
        page._minute = self._minute or page._minute
        page._first, page._previous = self._first, self._previous
        page._counts = {group: dict(names) for group, names in self._counts.items()}
        return page

    def add(self, offset: int, counts: Iterable[Count]) -> None:
        """Count what ends with the record at `offset`, unless that was counted before."""
        if offset <= self.offset:
            return
        self.offset = offset
        tally(counts, self._counts)

    def output(self, topic: str, ahead: Counts | None = None) -> Output:
        """Return the account as a record for the topic `stats`; from now on it passes for sent."""
        if self.offset >= self._sent.offset:
            self._sent.minute, self._sent.offset = self._minute, self.offset
        account = Account(
            stage=self.stage,
            partition=self.partition,
            minute=self._minute,
            offset=self.offset,
            counts=self._counts,
            ahead=ahead,
            first=self._first,
            term=self._epoch,
            before=self._previous,
        )
        return Output(topic, account.key, account.encode(), 0)

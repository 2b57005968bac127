"""The ledger: what every account and every worker's sign of life add up to. Pure."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from feedback_app.stats.arrivals import Arrivals
from models import Account, WorkerStatus, from_rfc3339
from models.account import Counts

SILENT_AFTER_S = 15.0
OPEN_MINUTES = 120
SERIES_MINUTES = 24 * 60
MINUTE_S = 60
ARRIVALS = ("sentiment", "ingested")
"""The stage and the count that say when a source brought something."""

Partition = tuple[str, int]
"""A stage and a partition of the topic that it reads."""
Flat = dict[tuple[str, str], int]
"""Counts by group (a source or a channel) and name."""


Term = int
"""The number of an owner of a partition, which grows with each one."""


@dataclass(slots=True)
class _Page:
    """One owner's minute of a partition, as its newest account has it."""

    first: int = -1
    """The first offset that it counts; -1 where its writer did not say."""
    offset: int = -1
    counts: Flat = field(default_factory=dict)
    counted: Flat = field(default_factory=dict)


class _Link(NamedTuple):
    """The page that an owner went on from, and how far it had come by then."""

    term: Term
    minute: int
    offset: int
    counts: Flat


@dataclass(slots=True)
class _Reading:
    """What is known of one partition of a stage: the minutes that may still be corrected."""

    pages: dict[tuple[Term, int], _Page] = field(default_factory=dict)
    """By owner and minute."""
    links: dict[Term, _Link] = field(default_factory=dict)
    """Whom each owner took the partition over from."""
    mark: tuple[Term, int, int] = (-1, -1, -1)
    """Owner, offset and minute of the newest account, which is the one whose `ahead` counts."""
    ahead: Flat = field(default_factory=dict)
    closed: int = -1
    """Minutes up to this one are added up for good."""

    def valid(self) -> dict[tuple[Term, int], Flat]:
        """Return what each open page counts: what its owner wrote while the partition was its own.

        From the last owner back, each one tells of whom it went on from and how far that one had
        come. The rest was written late, by who had lost the partition.
        """
        reach: dict[Term, int] = {}
        told: dict[tuple[Term, int], Flat] = {}
        term, reached = max((term for term, _ in self.pages), default=-1), sys.maxsize
        while (link := self.links.get(term)) is not None:
            reach[term] = reached
            told[link.term, link.minute] = link.counts
            term, reached = link.term, link.offset
            if link.minute <= self.closed:
                break  # an owner begins no page before the former one's: the rest is closed too
        else:
            reach |= dict.fromkeys((owner for owner, _ in self.pages if owner <= term), reached)
        return {
            key: told.get(key, page.counts)
            for key, page in self.pages.items()
            if key in told or page.first <= reach.get(key[0], -2)
        }


class Ledger:
    """Adds up Account and WorkerStatus records, whatever their order and however often they come.

    Of one owner's minute the account with the highest offset counts, of the page that the next one
    went on from what that one says of it, and nothing that was written after that; of one stage and
    partition the last owner's newest `ahead`; between equals the later arrival. A minute that lies
    two hours behind its partition's newest is closed: what comes for it later is a replay.
    """

    def __init__(self) -> None:
        self._readings: dict[Partition, _Reading] = {}
        self._totals: dict[str, Flat] = {}
        self._series: dict[str, dict[int, dict[str, int]]] = {}
        self._workers: dict[str, WorkerStatus] = {}
        self._arrivals: dict[str, Arrivals] = {}

    def take(self, record: Account | WorkerStatus) -> None:
        """Take in a record; raises ValueError where its time cannot be read."""
        if isinstance(record, WorkerStatus):
            self._take_status(record)
        else:
            self._take_account(record)

    def totals(self, stage: str) -> Counts:
        """Return {source or channel: {name: n}} of a stage over everything known, `ahead` added.

        A stage name that ends in `:` stands for every stage that begins with it.
        """
        found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for name, flat in self._totals.items():
            if name == stage or (stage.endswith(":") and name.startswith(stage)):
                for (group, counted), n in flat.items():
                    if n:
                        found[group][counted] += n
        return {group: dict(names) for group, names in found.items()}

    def series(self, stage: str, now: float, minutes: int) -> list[tuple[int, Mapping[str, int]]]:
        """Return (Unix seconds of the minute, {name: n}) of a stage, oldest first, without gaps.

        The last entry is the minute of `now` (Unix seconds), which is not over yet.
        """
        known = self._series.get(stage, {})
        last = int(now // MINUTE_S)
        return [(at * MINUTE_S, known.get(at, {})) for at in range(last - minutes + 1, last + 1)]

    def workers(self, now: float) -> list[WorkerStatus]:
        """Return the last words of each live worker: neither stopped nor silent for over 15 s."""
        return [
            status
            for _, status in sorted(self._workers.items())
            if not status.stopped and now - from_rfc3339(status.at) <= SILENT_AFTER_S
        ]

    def lost_workers(self, now: float) -> list[WorkerStatus]:
        """Return the last words of each worker that fell silent without saying that it stops."""
        return [
            status
            for _, status in sorted(self._workers.items())
            if not status.stopped and now - from_rfc3339(status.at) > SILENT_AFTER_S
        ]

    def arrivals(self, source: str) -> Arrivals | None:
        """Return how many messages a source brought a minute; None where it never brought one."""
        return self._arrivals.get(source)

    def _take_status(self, status: WorkerStatus) -> None:
        known = self._workers.get(status.id)
        if known is None or from_rfc3339(status.at) >= from_rfc3339(known.at):
            self._workers[status.id] = status

    def _take_account(self, account: Account) -> None:
        stage, minute = account.stage, minute_number(account.minute)
        reading = self._readings.setdefault((stage, account.partition), _Reading())
        changed = self._link(reading, account)
        if minute > reading.closed:
            page = reading.pages.setdefault((account.term, minute), _Page())
            if account.offset >= page.offset:
                page.first, page.offset = account.first, account.offset
                page.counts = flatten(account.counts)
            if changed or account.term < reading.mark[0]:
                self._count_all(stage, reading)
            else:
                self._count(stage, minute, page, page.counts)
        mark = (account.term, account.offset, minute)
        if mark >= reading.mark:
            ahead = flatten(account.ahead or {})
            self._move(stage, reading.ahead, ahead)
            reading.mark, reading.ahead = mark, ahead
        self._close(stage, reading)

    def _link(self, reading: _Reading, account: Account) -> bool:
        """Take in whom an owner went on from; return whether that is news."""
        before = account.before
        if before is None or account.term in reading.links:
            return account.term > reading.mark[0]
        minute = minute_number(before["minute"]) if before["minute"] else -1
        counts = flatten(before["counts"])
        link = _Link(int(before["term"]), minute, int(before["offset"]), counts)
        reading.links[account.term] = link
        if minute > reading.closed:
            page = reading.pages.setdefault((link.term, minute), _Page(int(before["first"])))
            if link.offset > page.offset:
                page.offset, page.counts = link.offset, counts
        return True

    def _count_all(self, stage: str, reading: _Reading) -> None:
        valid = reading.valid()
        for key, page in reading.pages.items():
            self._count(stage, key[1], page, valid.get(key, {}))

    def _count(self, stage: str, minute: int, page: _Page, counts: Flat) -> None:
        self._move(stage, page.counted, counts)
        self._move_series(stage, minute, page.counted, counts)
        page.counted = counts

    def _move(self, stage: str, old: Flat, new: Flat) -> None:
        total = self._totals.setdefault(stage, {})
        for key in old.keys() | new.keys():
            total[key] = total.get(key, 0) + new.get(key, 0) - old.get(key, 0)

    def _move_series(self, stage: str, minute: int, old: Flat, new: Flat) -> None:
        names = self._series.setdefault(stage, {}).setdefault(minute, {})
        for (group, name), n in _signed(old, new):
            names[name] = names.get(name, 0) + n
            if n and (stage, name) == ARRIVALS:
                if group not in self._arrivals:
                    self._arrivals[group] = Arrivals()
                self._arrivals[group].add(minute, n)

    def _close(self, stage: str, reading: _Reading) -> None:
        # A former owner's clock may be ahead by hours: what it writes late closes nothing.
        last = max((term for term, _ in reading.pages), default=-1)
        newest = max((minute for term, minute in reading.pages if term == last), default=-1)
        if newest - OPEN_MINUTES <= reading.closed:
            return
        reading.closed = max(reading.closed, newest - OPEN_MINUTES)
        for key in [key for key in reading.pages if key[1] <= reading.closed]:
            del reading.pages[key]
        owners = {term for term, _ in reading.pages}
        reading.links = {term: link for term, link in reading.links.items() if term in owners}
        series = self._series[stage]
        if len(series) > SERIES_MINUTES + OPEN_MINUTES:
            for minute in sorted(series)[:OPEN_MINUTES]:
                del series[minute]


def minute_number(text: str) -> int:
    """Return the minute of an RFC 3339 time (seconds and zone may be left out), since 1970."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() // MINUTE_S)


def flatten(counts: Counts) -> Flat:
    """Return counts by group and name."""
    return {(group, name): n for group, names in counts.items() for name, n in names.items()}


def _signed(old: Flat, new: Flat) -> Iterable[tuple[tuple[str, str], int]]:
    for key in old.keys() | new.keys():
        yield key, new.get(key, 0) - old.get(key, 0)

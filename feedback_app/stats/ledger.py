"""The ledger: the sum of all accounting records, and the newest status of each worker. Pure."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from feedback_app.stats.source_arrivals import Arrivals
from models import Account, WorkerStatus, from_rfc3339
from models.account import Counts

SILENT_AFTER_S = 15.0
"""A worker without a status for longer is lost."""
OPEN_MINUTES = 120
SERIES_MINUTES = 24 * 60
MINUTE_S = 60
ARRIVALS = ("sentiment", "ingested")
"""The stage and the counter of a source's messages."""

Partition = tuple[str, int]
"""A stage and a partition of its input topic."""
Flat = dict[tuple[str, str], int]
"""Counts by group (a source or a channel) and name."""
Epoch = int
"""The number of an owner of a partition; each owner has a higher one."""


@dataclass(slots=True)
class _Minute:
    """One owner's minute of a partition, as in its newest accounting record.

    `counts` are those of the record, `counted` what the totals have of them.
    """

    first: int = -1
    """The first offset that it counts; -1 if its writer did not report it."""
    offset: int = -1
    counts: Flat = field(default_factory=dict)
    counted: Flat = field(default_factory=dict)


class _Previous(NamedTuple):
    """The record that an owner continued from: its epoch, minute, offset and counts."""

    epoch: Epoch
    minute: int
    offset: int
    counts: Flat


@dataclass(slots=True)
class _PartitionState:
    """One partition of a stage: the minutes that can still be corrected."""

    minutes: dict[tuple[Epoch, int], _Minute] = field(default_factory=dict)
    """By epoch and minute."""
    previous: dict[Epoch, _Previous] = field(default_factory=dict)
    """What each owner continued from."""
    newest: tuple[Epoch, int, int] = (-1, -1, -1)
    """Epoch, offset and minute of the newest record, whose in-flight counts are valid."""
    in_flight: Flat = field(default_factory=dict)
    closed: int = -1
    """Minutes up to this one are final."""

    def valid(self) -> dict[tuple[Epoch, int], Flat]:
        """Return the valid counts of each open minute: those written while its owner owned it.

        Follows the owners from the last one back. Each reports the record that it continued from,
        and with it how far the previous owner is valid. Later records of that owner are ignored.
        """
        reach: dict[Epoch, int] = {}
        reported: dict[tuple[Epoch, int], Flat] = {}
        epoch, reached = max((epoch for epoch, _ in self.minutes), default=-1), sys.maxsize
        while (previous := self.previous.get(epoch)) is not None:
            reach[epoch] = reached
            reported[previous.epoch, previous.minute] = previous.counts
            epoch, reached = previous.epoch, previous.offset
            if previous.minute <= self.closed:
                break  # no owner starts before the previous owner's minute: the rest is closed too
        else:
            reach |= dict.fromkeys((owner for owner, _ in self.minutes if owner <= epoch), reached)
        return {
            key: reported.get(key, minute.counts)
            for key, minute in self.minutes.items()
            if key in reported or minute.first <= reach.get(key[0], -2)
        }


class Ledger:
    """Adds up accounting records and keeps worker statuses, in any order and with any repeats.

    - Of an owner's minute, the record with the highest offset counts.
    - Of the record that the next owner continued from, the counts that the next owner reports
      count, and none of the previous owner's later ones.
    - Of the in-flight counts of a stage and partition, the last owner's newest count.
    - Between equals, the later arrival counts.
    - A minute two hours before its partition's newest is closed: later records for it are replays.
    """

    def __init__(self) -> None:
        self._partitions: dict[Partition, _PartitionState] = {}
        self._totals: dict[str, Flat] = {}
        self._series: dict[str, dict[int, dict[str, int]]] = {}
        self._workers: dict[str, WorkerStatus] = {}
        self._arrivals: dict[str, Arrivals] = {}

    def apply(self, record: Account | WorkerStatus) -> None:
        """Apply a record; raises ValueError if its time cannot be parsed."""
        if isinstance(record, WorkerStatus):
            self._apply_status(record)
        else:
            self._apply_account(record)

    def totals(self, stage: str) -> Counts:
        """Return {source or channel: {name: n}} of a stage, with the in-flight counts.

        A stage name that ends in `:` selects every stage with that prefix.
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

        The last entry is the unfinished minute of `now` (Unix seconds).
        """
        known = self._series.get(stage, {})
        last = int(now // MINUTE_S)
        return [(at * MINUTE_S, known.get(at, {})) for at in range(last - minutes + 1, last + 1)]

    def workers(self, now: float) -> list[WorkerStatus]:
        """Return the newest status of each live worker: not stopped, and at most 15 s old."""
        return [
            status
            for _, status in sorted(self._workers.items())
            if not status.stopped and now - from_rfc3339(status.at) <= SILENT_AFTER_S
        ]

    def lost_workers(self, now: float) -> list[WorkerStatus]:
        """Return the newest status of each worker that went silent without a stop."""
        return [
            status
            for _, status in sorted(self._workers.items())
            if not status.stopped and now - from_rfc3339(status.at) > SILENT_AFTER_S
        ]

    def arrivals(self, source: str) -> Arrivals | None:
        """Return the messages of a source by minute; None if it never had one."""
        return self._arrivals.get(source)

    def _apply_status(self, status: WorkerStatus) -> None:
        known = self._workers.get(status.id)
        if known is None or from_rfc3339(status.at) >= from_rfc3339(known.at):
            self._workers[status.id] = status

    def _apply_account(self, account: Account) -> None:
        stage, number = account.stage, minute_number(account.minute)
        part = self._partitions.setdefault((stage, account.partition), _PartitionState())
        owner_is_new = self._note_previous(part, account)
        if number > part.closed:
            minute = part.minutes.setdefault((account.term, number), _Minute())
            if account.offset >= minute.offset:
                minute.first, minute.offset = account.first, account.offset
                minute.counts = flatten(account.counts)
            if owner_is_new or account.term < part.newest[0]:
                self._count_all(stage, part)
            else:
                self._count(stage, number, minute, minute.counts)
        newest = (account.term, account.offset, number)
        if newest >= part.newest:
            in_flight = flatten(account.ahead or {})
            self._replace(stage, part.in_flight, in_flight)
            part.newest, part.in_flight = newest, in_flight
        self._close(stage, part)

    def _note_previous(self, part: _PartitionState, account: Account) -> bool:
        """Note what an owner continued from; return whether that, or the owner, is new."""
        before = account.before
        if before is None or account.term in part.previous:
            return account.term > part.newest[0]
        number = minute_number(before["minute"]) if before["minute"] else -1
        counts = flatten(before["counts"])
        previous = _Previous(int(before["term"]), number, int(before["offset"]), counts)
        part.previous[account.term] = previous
        if number > part.closed:
            key = (previous.epoch, number)
            minute = part.minutes.setdefault(key, _Minute(int(before["first"])))
            if previous.offset > minute.offset:
                minute.offset, minute.counts = previous.offset, counts
        return True

    def _count_all(self, stage: str, part: _PartitionState) -> None:
        valid = part.valid()
        for key, minute in part.minutes.items():
            self._count(stage, key[1], minute, valid.get(key, {}))

    def _count(self, stage: str, number: int, minute: _Minute, counts: Flat) -> None:
        self._replace(stage, minute.counted, counts)
        self._replace_in_series(stage, number, minute.counted, counts)
        minute.counted = counts

    def _replace(self, stage: str, old: Flat, new: Flat) -> None:
        total = self._totals.setdefault(stage, {})
        for key, n in _differences(old, new):
            total[key] = total.get(key, 0) + n

    def _replace_in_series(self, stage: str, number: int, old: Flat, new: Flat) -> None:
        names = self._series.setdefault(stage, {}).setdefault(number, {})
        for (group, name), n in _differences(old, new):
            names[name] = names.get(name, 0) + n
            if n and (stage, name) == ARRIVALS:
                if group not in self._arrivals:
                    self._arrivals[group] = Arrivals()
                self._arrivals[group].add(number, n)

    def _close(self, stage: str, part: _PartitionState) -> None:
        # The previous owner's clock may be hours ahead: its late records close nothing.
        last = max((epoch for epoch, _ in part.minutes), default=-1)
        newest = max((number for epoch, number in part.minutes if epoch == last), default=-1)
        if newest - OPEN_MINUTES <= part.closed:
            return
        part.closed = max(part.closed, newest - OPEN_MINUTES)
        for key in [key for key in part.minutes if key[1] <= part.closed]:
            del part.minutes[key]
        owners = {epoch for epoch, _ in part.minutes}
        part.previous = {epoch: one for epoch, one in part.previous.items() if epoch in owners}
        series = self._series[stage]
        if len(series) > SERIES_MINUTES + OPEN_MINUTES:
            for number in sorted(series)[:OPEN_MINUTES]:
                del series[number]


def minute_number(text: str) -> int:
    """Return the minutes since 1970 of an RFC 3339 time; seconds and zone are optional."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() // MINUTE_S)


def flatten(counts: Counts) -> Flat:
    """Return counts by group and name."""
    return {(group, name): n for group, names in counts.items() for name, n in names.items()}


def _differences(old: Flat, new: Flat) -> Iterable[tuple[tuple[str, str], int]]:
    for key in old.keys() | new.keys():
        yield key, new.get(key, 0) - old.get(key, 0)

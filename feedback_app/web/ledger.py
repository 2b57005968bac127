"""The ledger: what every account and every worker's sign of life add up to. Pure."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from feedback_app.health.arrivals import Arrivals
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


VERSIONS = 3
"""Versions of a page that are kept: a worker has one batch, and so one late account, in flight."""


@dataclass(slots=True)
class _Page:
    """One minute of a partition: the newest versions of its account, the highest offset last."""

    first: int = -1
    """The first offset that it counts; -1 where its writer did not say."""
    versions: list[tuple[int, Flat]] = field(default_factory=list)
    counted: Flat = field(default_factory=dict)

    def add(self, offset: int, counts: Flat) -> None:
        """Take in a version; of two with one offset the later arrival counts."""
        self.versions = [one for one in self.versions if one[0] != offset]
        self.versions.append((offset, counts))
        self.versions.sort(key=lambda one: one[0])
        del self.versions[:-VERSIONS]

    def below(self, limit: int) -> Flat:
        """Return the counts of the newest version that counts nothing from `limit` on.

        A page beyond that was written late, by a worker that had lost the partition: whoever had
        it then began to count at `limit`.
        """
        return next((counts for at, counts in reversed(self.versions) if at < limit), {})


@dataclass(slots=True)
class _Reading:
    """What is known of one partition of a stage: the minutes that may still be corrected."""

    minutes: dict[int, _Page] = field(default_factory=dict)
    mark: tuple[int, int] = (-1, -1)
    """Offset and minute of the newest account, which is the one whose `ahead` counts."""
    ahead: Flat = field(default_factory=dict)
    closed: int = -1
    """Minutes up to this one are added up for good."""


class Ledger:
    """Adds up Account and WorkerStatus records, whatever their order and however often they come.

    Of one stage, partition and minute the account with the highest offset counts, unless a later
    minute counts from a lower one on (then it came late, from a former owner); of one stage
    and partition the newest account's `ahead`; between equals the later arrival. A minute that lies
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
        minute = minute_number(account.minute)
        reading = self._readings.setdefault((account.stage, account.partition), _Reading())
        if minute <= reading.closed:
            return
        page = reading.minutes.setdefault(minute, _Page())
        page.add(account.offset, flatten(account.counts))
        if page.first != account.first:
            page.first = account.first
            for earlier in [at for at in reading.minutes if at < minute]:
                self._count(account.stage, reading, earlier)
        self._count(account.stage, reading, minute)
        mark = (account.offset, minute)
        if mark >= reading.mark:
            ahead = flatten(account.ahead or {})
            self._move(account.stage, reading.ahead, ahead)
            reading.mark, reading.ahead = mark, ahead
        self._close(account.stage, reading)

    def _count(self, stage: str, reading: _Reading, minute: int) -> None:
        """Count the version of a minute that no later minute has begun to count again."""
        page = reading.minutes[minute]
        later = [one.first for at, one in reading.minutes.items() if at > minute and one.first >= 0]
        counts = page.below(min(later, default=sys.maxsize))
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
        newest = max(reading.minutes)
        for minute in [at for at in reading.minutes if at <= newest - OPEN_MINUTES]:
            del reading.minutes[minute]
            reading.closed = max(reading.closed, minute)
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

"""What is known of the feedback ids of one partition: which revisions `scored` already holds.

The youngest ids are in memory, the rest in a SQLite file without a name, which ends with the
process: a worker's memory does not grow with them. `scored` is what they are rebuilt from.
"""

import logging
import sqlite3
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from feedback_app.hop import OutsideFault, Row
from models import InvalidRecord, ScoredFeedback

log = logging.getLogger(__name__)

YOUNG = 1000
"""Ids of a partition that are held in memory before they go to the file, all at once."""
ASKED = (1, 8, 64)
"""Ids of one query, filled up with nulls: for each number SQLite keeps the parsed statement."""
CACHE_KB = 512
"""Memory of a partition's file; what is over it is on the disk."""
OUTCOMES = ("scored", "unscored", "deleted")
"""What a scored record counts as; the order is that of the numbers in `Known.records`."""


class Known(NamedTuple):
    """What is known of a feedback id: its highest revision and the raw records behind it.

    A number in `records` is the offset of a raw record that has an output and what it counted as.
    """

    revision: int
    deleted: bool
    records: tuple[int, ...]

    def outcome(self, offset: int) -> str | None:
        """Return what the raw record at an offset counted as, None where it has no output."""
        for record in self.records:
            if record // len(OUTCOMES) == offset:
                return OUTCOMES[record % len(OUTCOMES)]
        return None


def outcome_of(scored: ScoredFeedback) -> str:
    """Return what a scored record counts as."""
    if scored.feedback.kind == "delete":
        return "deleted"
    return "unscored" if scored.score is None else "scored"


def known_from(scored: ScoredFeedback) -> Known:
    """Return what one scored record tells of its id."""
    feedback = scored.feedback
    record = scored.offset * len(OUTCOMES) + OUTCOMES.index(outcome_of(scored))
    return Known(feedback.revision, feedback.kind == "delete", (record,))


def merged(one: Known, other: Known) -> Known:
    """Return what both tell of an id, in whatever order they are given."""
    return Known(
        max(one.revision, other.revision),
        one.deleted or other.deleted,
        tuple({*one.records, *other.records}),
    )


class Revisions:
    """The ids of one partition, each known for one to two windows after its last record."""

    def __init__(self, hours: float, clock: Callable[[], float]) -> None:
        """Start with none; `hours` is the window, `clock` returns Unix seconds."""
        self._window_s, self._clock = hours * 3600, clock
        self._young: dict[str, Known] = {}
        self._file = _File()
        self._most = YOUNG
        self._turn_at = clock() + self._window_s

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """Return what is known of these ids; raises OutsideFault where the disk fails."""
        try:
            found = self._file.read(ids)
        except sqlite3.Error as error:
            raise OutsideFault("disk", f"cannot read what is known of ids: {error}") from error
        for identity in ids:
            if (young := self._young.get(identity)) is not None:
                old = found.get(identity)
                found[identity] = young if old is None else merged(old, young)
        return found

    def restore(self, row: Row) -> None:
        """Take in a scored record."""
        try:
            self.remember(ScoredFeedback.decode(row.value))
        except InvalidRecord as error:
            log.warning("scored %d@%d is not ours: %s", row.partition, row.offset, error)

    def remember(self, what: Any) -> None:
        """Take in a scored record once the broker has it."""
        identity, new = what.feedback.id, known_from(what)
        old = self._young.get(identity)
        self._young[identity] = new if old is None else merged(old, new)
        if len(self._young) >= self._most:
            self._spill()

    def _spill(self) -> None:
        now = self._clock()
        try:
            if now >= self._turn_at:
                self._file.turn()
                self._turn_at = now + self._window_s
            older = self._file.read(list(self._young))
            self._file.write(self._young | {i: merged(o, self._young[i]) for i, o in older.items()})
        except sqlite3.Error as error:
            # The records stand in `scored` already, so they are held here until the disk works.
            log.warning("cannot write what is known of ids, held in memory: %s", error)
            self._most = len(self._young) + YOUNG
            return
        self._young, self._most = {}, YOUNG


class _File:
    """Two tables of ids in a SQLite file; those of the older one are forgotten all at once."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a file without a name
        weakref.finalize(self, self._database.close)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        self._new, self._old = "a", "b"
        for table in (self._new, self._old):
            self._create(table)

    def _create(self, table: str) -> None:
        self._database.execute(
            f"CREATE TABLE {table} "
            "(id TEXT PRIMARY KEY, revision INTEGER, deleted INTEGER, records TEXT) WITHOUT ROWID"
        )

    def read(self, ids: Sequence[str]) -> dict[str, Known]:
        """Return what stands there of these ids; the newer table has the last word."""
        found: dict[str, Known] = {}
        for start in range(0, len(ids), ASKED[-1]):
            some = ids[start : start + ASKED[-1]]
            size = next(size for size in ASKED if size >= len(some))
            marks, asked = ",".join("?" * size), [*some, *[None] * (size - len(some))]
            for table in (self._old, self._new):
                for identity, revision, deleted, records in self._database.execute(
                    f"SELECT * FROM {table} WHERE id IN ({marks})",  # noqa: S608
                    asked,
                ):
                    numbers = tuple(map(int, records.split()))
                    found[identity] = Known(revision, bool(deleted), numbers)
        return found

    def write(self, every: Mapping[str, Known]) -> None:
        """Write all of these, or none."""
        rows = (
            (identity, one.revision, one.deleted, " ".join(map(str, one.records)))
            for identity, one in sorted(every.items())
        )
        with self._transaction():
            self._database.executemany(
                f"INSERT OR REPLACE INTO {self._new} VALUES (?, ?, ?, ?)",  # noqa: S608
                rows,
            )

    def turn(self) -> None:
        """Forget the older table and begin a new one."""
        with self._transaction():
            self._database.execute(f"DROP TABLE {self._old}")
            self._create(self._old)
        self._new, self._old = self._old, self._new

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has ended it already
                self._database.execute("ROLLBACK")
            raise

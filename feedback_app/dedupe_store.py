"""The dedupe store of a partition: the feedback ids in `scored` and their highest revisions.

New ids are in a write buffer, the rest in an unnamed SQLite file that ends with the process, so
memory does not grow with them. They are restored from `scored`; on a full disk the buffer holds
more of them for a while before the partition waits.
"""

import logging
import sqlite3
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, NamedTuple

from feedback_app.clock import Clock
from feedback_app.hop import Row, TransientError
from feedback_app.settings import ConfigurationError
from models import InvalidRecord, ScoredFeedback

log = logging.getLogger(__name__)

WRITE_BUFFER = 1000
"""Ids that gather in memory before they are written to the file together."""
MAX_BUFFERED = 50 * WRITE_BUFFER
"""Ids that may gather while the disk fails; beyond that the partition waits for the disk."""
RETRY_S = 10.0
"""Time between a failed write and the next try."""
QUERY_SIZES = (1, 8, 64)
"""Ids per query, padded with nulls: SQLite caches the prepared statement of each size."""
CACHE_KB = 512
"""Page cache of a partition's file in kB; the rest is on the disk."""
REMEDY = "set SQLITE_TMPDIR to a directory on a disk with room"
OUTCOMES = ("scored", "unscored", "deleted")
"""What a scored record can count as; `SeenId.records` encodes the index."""


class SeenId(NamedTuple):
    """A feedback id that was seen: its highest revision, and the raw records behind it.

    Each number in `records` encodes the offset of a raw record with an output, and its outcome.
    """

    revision: int
    deleted: bool
    records: tuple[int, ...]

    def outcome(self, offset: int) -> str | None:
        """Return what the raw record at an offset counted as; None if it has no output."""
        for record in self.records:
            if record // len(OUTCOMES) == offset:
                return OUTCOMES[record % len(OUTCOMES)]
        return None


def outcome_of(scored: ScoredFeedback) -> str:
    """Return what a scored record counts as."""
    if scored.feedback.kind == "delete":
        return "deleted"
    return "unscored" if scored.score is None else "scored"


def seen_from(scored: ScoredFeedback) -> SeenId:
    """Return the entry of one scored record."""
    feedback = scored.feedback
    record = scored.offset * len(OUTCOMES) + OUTCOMES.index(outcome_of(scored))
    return SeenId(feedback.revision, feedback.kind == "delete", (record,))


def merged(old: SeenId, new: SeenId) -> SeenId:
    """Return both entries of an id as one; of a raw record scored twice the new outcome counts."""
    repeated = {record // len(OUTCOMES) for record in new.records}
    return SeenId(
        max(old.revision, new.revision),
        old.deleted or new.deleted,
        new.records + tuple(one for one in old.records if one // len(OUTCOMES) not in repeated),
    )


class DedupeStore:
    """The ids of one partition, each remembered for one to two windows after its last record.

    Restored records count as new, so after an assignment it is up to three windows.
    """

    def __init__(self, hours: float, clock: Clock) -> None:
        """Make an empty store; `hours` is the window."""
        self._window_s, self._clock = hours * 3600, clock
        self._write_buffer: dict[str, SeenId] = {}
        self._file = _File()
        self._rotate_at = clock.time() + self._window_s
        self._failed_at: float | None = None

    def known(self, ids: Sequence[str]) -> dict[str, SeenId]:
        """Return the entries of those ids that were seen; raises TransientError on a disk error."""
        self._flush_if_due()
        try:
            found = self._file.read(ids)
        except sqlite3.Error as error:
            raise TransientError("disk", f"cannot read what is known of ids: {error}") from error
        for identity in ids:
            if (buffered := self._write_buffer.get(identity)) is not None:
                old = found.get(identity)
                found[identity] = buffered if old is None else merged(old, buffered)
        return found

    def restore(self, row: Row) -> None:
        """Add a record of `scored`; raises TransientError if the disk fails for long."""
        try:
            self.remember(ScoredFeedback.decode(row.value))
        except InvalidRecord as error:
            log.warning("skipped scored %d@%d: %s", row.partition, row.offset, error)
        self._flush_if_due()

    def remember(self, what: Any) -> None:
        """Add an acknowledged scored record, to memory only, so that it cannot fail."""
        identity, new = what.feedback.id, seen_from(what)
        old = self._write_buffer.get(identity)
        self._write_buffer[identity] = new if old is None else merged(old, new)

    def _flush_if_due(self) -> None:
        """Write the buffer if it is full, and rotate the tables if it is time."""
        now = self._clock.time()
        self._rotate_at = min(self._rotate_at, now + self._window_s)  # the clock was set back
        if len(self._write_buffer) < WRITE_BUFFER and now < self._rotate_at:
            return
        failed, too_many = self._failed_at, len(self._write_buffer) > MAX_BUFFERED
        if failed is not None and 0 <= now - failed < RETRY_S and not too_many:
            return
        try:
            self._write_and_rotate(now)
        except sqlite3.Error as error:
            self._failed_at = now
            why = f"cannot write what is known of ids: {error} ({REMEDY})"
            if too_many:
                raise TransientError("disk", why) from error
            log.warning("%s; held in memory", why)
        else:
            self._failed_at = None

    def _write_and_rotate(self, now: float) -> None:
        for _ in range(2):  # two, to catch up after a failure without a long pause
            new = dict(islice(self._write_buffer.items(), WRITE_BUFFER))
            old = self._file.read(list(new))
            self._file.write(new | {i: merged(one, new[i]) for i, one in old.items()})
            for identity in new:
                del self._write_buffer[identity]
        if not self._write_buffer and now >= self._rotate_at:
            rotations = int((now - self._rotate_at) // self._window_s) + 1
            for _ in range(min(rotations, 2)):
                self._file.rotate()
            self._rotate_at += rotations * self._window_s


def probe() -> None:
    """Write and drop a test file; raises ConfigurationError if no directory is writable."""
    try:
        _File(cache_kb=1).write({str(n): SeenId(0, False, (n,)) for n in range(WRITE_BUFFER)})
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN:
            raise ConfigurationError(f"no directory for temporary files: {REMEDY}") from error
        log.warning("cannot write temporary files: %s (%s)", error, REMEDY)


class _File:
    """Two tables of ids in a SQLite file; `rotate` drops the older one."""

    def __init__(self, cache_kb: int = CACHE_KB) -> None:
        # Unnamed; the garbage collector may close it in any thread.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._database.execute(f"PRAGMA cache_size = -{cache_kb}")
        self._new, self._old = "a", "b"
        for table in (self._new, self._old):
            self._create(table)

    def _create(self, table: str) -> None:
        self._database.execute(
            f"CREATE TABLE {table} "
            "(id TEXT PRIMARY KEY, revision INTEGER, deleted INTEGER, records TEXT) WITHOUT ROWID"
        )

    def read(self, ids: Sequence[str]) -> dict[str, SeenId]:
        """Return the entries of these ids; the newer table takes precedence."""
        found: dict[str, SeenId] = {}
        for start in range(0, len(ids), QUERY_SIZES[-1]):
            some = ids[start : start + QUERY_SIZES[-1]]
            size = next(size for size in QUERY_SIZES if size >= len(some))
            marks, padded = ",".join("?" * size), [*some, *[None] * (size - len(some))]
            for table in (self._old, self._new):
                for identity, revision, deleted, records in self._database.execute(
                    f"SELECT * FROM {table} WHERE id IN ({marks})",  # noqa: S608
                    padded,
                ):
                    numbers = tuple(map(int, records.split()))
                    found[identity] = SeenId(revision, bool(deleted), numbers)
        return found

    def write(self, entries: Mapping[str, SeenId]) -> None:
        """Write all entries, or none."""
        rows = (
            (identity, one.revision, one.deleted, " ".join(map(str, one.records)))
            for identity, one in sorted(entries.items())
        )
        with self._transaction():
            self._database.executemany(
                f"INSERT OR REPLACE INTO {self._new} VALUES (?, ?, ?, ?)",  # noqa: S608
                rows,
            )

    def rotate(self) -> None:
        """Drop the older table and start a new one."""
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
            with suppress(sqlite3.Error):  # a full disk has rolled it back already
                self._database.execute("ROLLBACK")
            raise

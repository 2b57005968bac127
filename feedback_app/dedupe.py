"""What is known of the feedback ids of one partition: which revisions `scored` already holds.

The youngest ids are in memory, the rest in a SQLite file without a name, which ends with the
process: a worker's memory does not grow with them. `scored` is what they are rebuilt from, so on a
full disk they are held in memory for a while before anything waits for it.
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
"""Ids of a partition that are held in memory before they go to the file, so many at once."""
MAX_BUFFERED = 50 * WRITE_BUFFER
"""Ids that are held in memory while the disk fails; then the partition waits for it."""
TRY_AGAIN_S = 10.0
"""How long after a failure of the disk the next try comes."""
QUERY_SIZES = (1, 8, 64)
"""Ids of one query, filled up with nulls: for each number SQLite keeps the parsed statement."""
CACHE_KB = 512
"""Memory of a partition's file; what is over it is on the disk."""
PLACE = "set SQLITE_TMPDIR to a directory on a disk with room"
OUTCOMES = ("scored", "unscored", "deleted")
"""What a scored record counts as; the order is that of the numbers in `SeenId.records`."""


class SeenId(NamedTuple):
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


def seen_from(scored: ScoredFeedback) -> SeenId:
    """Return what one scored record tells of its id."""
    feedback = scored.feedback
    record = scored.offset * len(OUTCOMES) + OUTCOMES.index(outcome_of(scored))
    return SeenId(feedback.revision, feedback.kind == "delete", (record,))


def merged(old: SeenId, new: SeenId) -> SeenId:
    """Return what both tell of an id; of a raw record scored twice the later word counts."""
    again = {record // len(OUTCOMES) for record in new.records}
    return SeenId(
        max(old.revision, new.revision),
        old.deleted or new.deleted,
        new.records + tuple(one for one in old.records if one // len(OUTCOMES) not in again),
    )


class DedupeStore:
    """The ids of one partition, each known for one to two windows after its last record.

    What `restore` brings counts as new: after an assignment it is known for up to three.
    """

    def __init__(self, hours: float, clock: Clock) -> None:
        """Start with none; `hours` is the window."""
        self._window_s, self._clock = hours * 3600, clock
        self._write_buffer: dict[str, SeenId] = {}
        self._file = _File()
        self._rotate_at = clock.time() + self._window_s
        self._failed_at: float | None = None

    def known(self, ids: Sequence[str]) -> dict[str, SeenId]:
        """Return what is known of these ids; raises OutsideFault where the disk fails."""
        self._keep_up()
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
        """Take in a scored record; raises OutsideFault where the disk fails for long."""
        try:
            self.remember(ScoredFeedback.decode(row.value))
        except InvalidRecord as error:
            log.warning("scored %d@%d is not ours: %s", row.partition, row.offset, error)
        self._keep_up()

    def remember(self, what: Any) -> None:
        """Take in a scored record once the broker has it; no disk can make this fail."""
        identity, new = what.feedback.id, seen_from(what)
        old = self._write_buffer.get(identity)
        self._write_buffer[identity] = new if old is None else merged(old, new)

    def _keep_up(self) -> None:
        """Write what is in memory, if it is much, and forget what is old, if it is time."""
        now = self._clock.time()
        self._rotate_at = min(self._rotate_at, now + self._window_s)  # the clock was put back
        if len(self._write_buffer) < WRITE_BUFFER and now < self._rotate_at:
            return
        failed, too_many = self._failed_at, len(self._write_buffer) > MAX_BUFFERED
        if failed is not None and 0 <= now - failed < TRY_AGAIN_S and not too_many:
            return
        try:
            self._write_and_rotate(now)
        except sqlite3.Error as error:
            self._failed_at = now
            why = f"cannot write what is known of ids: {error} ({PLACE})"
            if too_many:
                raise TransientError("disk", why) from error
            log.warning("%s; held in memory", why)
        else:
            self._failed_at = None

    def _write_and_rotate(self, now: float) -> None:
        for _ in range(2):  # after a failure there is more: it catches up without a long pause
            some = dict(islice(self._write_buffer.items(), WRITE_BUFFER))
            older = self._file.read(list(some))
            self._file.write(some | {i: merged(one, some[i]) for i, one in older.items()})
            for identity in some:
                del self._write_buffer[identity]
        if not self._write_buffer and now >= self._rotate_at:
            rotations = int((now - self._rotate_at) // self._window_s) + 1
            for _ in range(min(rotations, 2)):
                self._file.rotate()
            self._rotate_at += rotations * self._window_s


def probe() -> None:
    """Write and drop a file like those; raises ConfigurationError where no directory takes it."""
    try:
        _File(cache_kb=1).write({str(n): SeenId(0, False, (n,)) for n in range(WRITE_BUFFER)})
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN:
            raise ConfigurationError(f"no directory for temporary files: {PLACE}") from error
        log.warning("cannot write temporary files: %s (%s)", error, PLACE)


class _File:
    """Two tables of ids in a SQLite file; those of the older one are forgotten all at once."""

    def __init__(self, cache_kb: int = CACHE_KB) -> None:
        # A file without a name; its end may come in whatever thread collects it.
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
        """Return what stands there of these ids; the newer table has the last word."""
        found: dict[str, SeenId] = {}
        for start in range(0, len(ids), QUERY_SIZES[-1]):
            some = ids[start : start + QUERY_SIZES[-1]]
            size = next(size for size in QUERY_SIZES if size >= len(some))
            marks, asked = ",".join("?" * size), [*some, *[None] * (size - len(some))]
            for table in (self._old, self._new):
                for identity, revision, deleted, records in self._database.execute(
                    f"SELECT * FROM {table} WHERE id IN ({marks})",  # noqa: S608
                    asked,
                ):
                    numbers = tuple(map(int, records.split()))
                    found[identity] = SeenId(revision, bool(deleted), numbers)
        return found

    def write(self, every: Mapping[str, SeenId]) -> None:
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

    def rotate(self) -> None:
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

"""Account: the accounting record of a stage's partition for a minute, on the topic `stats`."""

from typing import Any

from models.wire import Wire

Counts = dict[str, dict[str, int]]


class Account(Wire):
    """Absolute counts of the records from `first` to `offset` that were finished within `minute`.

    `counts` is {source or channel: {name: n}}. `ahead` has the same shape and counts the records in
    flight beyond `offset` (finished out of order, or pending); only the newest `ahead` is valid.

    `term` is the owner's epoch, which increases with each owner of the partition; -1 if the writer
    did not report it. The first record of an owner reports in `before` the record of the previous
    epoch that it continues from: {term, minute, first, offset, counts}. Ignore later writes by an
    owner that has lost the partition.
    """

    VERSION = 1

    stage: str
    partition: int
    minute: str
    offset: int
    counts: Counts
    ahead: Counts | None = None
    first: int = -1
    term: int = -1
    before: dict[str, Any] | None = None
    version: int = 1

    @property
    def key(self) -> bytes:
        """The Kafka key: stage, partition, minute and, if reported, the epoch."""
        epoch = f"|{self.term}" if self.term >= 0 else ""
        return f"{self.stage}|{self.partition}|{self.minute}{epoch}".encode()

    @property
    def rank(self) -> tuple[int, int, str]:
        """Orders the accounting records of a partition; the newest is the highest."""
        return self.term, self.offset, self.minute

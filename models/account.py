"""Account: what a stage did with a partition in a minute, on the topic `stats`."""

from typing import Any

from models.wire import Wire

Counts = dict[str, dict[str, int]]


class Account(Wire):
    """Absolute counts of the records from `first` to `offset` that were finished within `minute`.

    `counts` is {source or channel: {name: n}}. `ahead` has the same shape and counts what was read
    beyond `offset` (finished out of order, or pending); the newest record's replaces it.

    `term` grows with each owner of the partition; -1 where the writer did not say. An owner's first
    page tells in `before` where it began: {term, minute, first, offset, counts} of the page that
    it went on from. Whatever that one comes to say later was written by who had lost the partition.
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
        """The Kafka key: stage, partition and minute, and the owner where there is one."""
        owner = f"|{self.term}" if self.term >= 0 else ""
        return f"{self.stage}|{self.partition}|{self.minute}{owner}".encode()

    @property
    def rank(self) -> tuple[int, int, str]:
        """What orders the accounts of a partition by how far on they are."""
        return self.term, self.offset, self.minute

"""Account: what a stage did with a partition in a minute, on the topic `stats`."""

from models.wire import Wire

Counts = dict[str, dict[str, int]]


class Account(Wire):
    """Absolute counts of the records from `first` to `offset` that were finished within `minute`.

    `counts` is {source or channel: {name: n}}. `ahead` has the same shape and counts what was read
    beyond `offset` (finished out of order, or pending); the newest record's replaces it.
    """

    VERSION = 1

    stage: str
    partition: int
    minute: str
    offset: int
    counts: Counts
    ahead: Counts | None = None
    first: int = -1
    version: int = 1

    @property
    def key(self) -> bytes:
        """The Kafka key: stage, partition and minute."""
        return f"{self.stage}|{self.partition}|{self.minute}".encode()

"""WorkerStatus: a worker's heartbeat, on the topic `stats` under `worker|<id>`."""

from typing import Any

from models.wire import Wire


class WorkerStatus(Wire):
    """What a worker reports of itself every few seconds; counts are in Account records.

    `partitions` is {topic: [numbers]}, `stages` {name: {"lag", "per_second", "waiting_for"}} of its
    own partitions, `sources` {id: {"state", "detail", "last_message_at"}} of those it runs, and
    `faults` {dependency: what is wrong}. `stopped` is true in its last status.
    """

    VERSION = 1

    id: str
    at: str
    started_at: str
    partitions: dict[str, list[int]]
    stages: dict[str, dict[str, Any]]
    sources: dict[str, dict[str, Any]]
    faults: dict[str, str]
    slack_connections: int = 0
    model: str | None = None
    stopped: bool = False
    version: int = 1

    @property
    def key(self) -> bytes:
        """The Kafka key: `worker|` and the id."""
        return f"worker|{self.id}".encode()

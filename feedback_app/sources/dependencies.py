"""What polled sources and services are made from, beside their options."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from feedback_app.clock import Clock
from feedback_app.hop.types import Row
from feedback_app.settings import Settings
from feedback_app.sources.protocol import Context


class Closeable(Protocol):
    """Something that holds connections."""

    async def close(self) -> None:
        """Close them."""


C = TypeVar("C", bound=Closeable)


class Resources:
    """What several polled sources of a process share, such as the client of one platform."""

    def __init__(self) -> None:
        self._made: dict[type[Any], Any] = {}

    def get(self, kind: type[C], make: Callable[[], C]) -> C:
        """Return the object of this class, made on the first call."""
        if kind not in self._made:
            self._made[kind] = make()
        found: C = self._made[kind]
        return found

    async def close(self) -> None:
        """Close all of them."""
        for each in self._made.values():
            await each.close()


@dataclass(frozen=True, slots=True)
class SourceDependencies:
    """What a polled source is made from, beside its options."""

    settings: Settings
    clock: Clock
    page_limit: Callable[[], int]
    """Ask it before each request: how many items it may bring by the type's quota. Raises
    BudgetSpent."""
    resources: Resources


class HighWatermarkReader(Protocol):
    """Reads topics without a consumer group."""

    async def read_to_high_watermark(
        self, topic: str, start: dict[int, int], hours: float | None, take: Callable[[Row], None]
    ) -> dict[int, int]:
        """Hand every record from {partition: offset} on to `take`; return the next offsets.

        `hours` leaves out what is older. Raises TransientError.
        """


@dataclass(slots=True)
class Connections:
    """Connections to a platform that counts them: those of this worker and of all others."""

    others: Callable[[], int]
    own: Callable[[], int] = lambda: 0
    """Set by the service that holds them."""

    def total(self) -> int:
        """Return how many connections the cluster holds."""
        return self.own() + self.others()


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What the services of a source type are made from."""

    context: Context
    leading: Callable[[], bool]
    """Whether this worker is the leader now."""
    reader: HighWatermarkReader
    connections: Connections

"""How the pipeline sees the limits of a platform. A source without a quota has none."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from feedback_app.hop.types import Output
from feedback_app.sources.protocol import Context, SourceState
from models import Feedback


class Charge(NamedTuple):
    """What a page costs."""

    outputs: Sequence[Output]
    """Records to write together with the page."""
    commit: Callable[[], None]
    """Call it once the broker has them."""


class Meter(Protocol):
    """How much of a quota is used: by this process, and by other workers as they wrote it."""

    def blocked(self) -> SourceState | None:
        """Return why no source of the quota may be polled now, or None."""

    def page_limit(self) -> int:
        """Return how many items the next request may bring; raises BudgetSpent."""

    def charge(self, source_id: str, posts: Sequence[Feedback]) -> Charge:
        """Return the cost of one answered request that brought these posts."""

    def charged_at(self, source_id: str) -> str | None:
        """Return when a source was charged last, RFC 3339, or None."""


class Quota(Protocol):
    """The limits that all sources of one platform share; several source types may name one."""

    def spaced(self, wished: Mapping[str, float]) -> dict[str, float]:
        """Return {source id: seconds between two polls} for the seconds that each one wishes."""

    def meter(self, context: Context) -> Meter:
        """Return a meter for this process."""

"""What the page is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from feedback_app.clock import Clock
from feedback_app.runtime.listeners import Listeners
from feedback_app.runtime.shared_state import SharedState
from feedback_app.settings import Settings
from feedback_app.stats.actions import DeadLetters
from feedback_app.stats.ledger import Ledger
from feedback_app.web.health import Health
from feedback_app.web.latest import Latest
from models import Delivery, ScoredFeedback


@dataclass(frozen=True, slots=True)
class PageView:
    """The `web.page_json.WebView` of this worker."""

    settings: Settings
    shared: SharedState
    latest: Latest
    clock: Clock
    health: Callable[[], Health]
    changes: Listeners

    @property
    def ledger(self) -> Ledger:
        """The sums of the topic `stats`."""
        return self.shared.ledger

    @property
    def dead_letters(self) -> DeadLetters:
        """The number of dead letters."""
        return self.shared.dead_letters

    @property
    def recent(self) -> Sequence[ScoredFeedback]:
        """The latest records of `scored`, newest last; reading it keeps the tail going."""
        self.latest.watch()
        return self.latest.scored

    @property
    def recent_alerts(self) -> Sequence[Delivery]:
        """The latest records of `deliveries`, newest last."""
        return self.latest.deliveries

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` on the event loop when something is new; returns the unsubscribe."""
        return self.changes.subscribe(changed)

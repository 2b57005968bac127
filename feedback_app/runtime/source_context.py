"""What the sources are given, and the last state that each of them reported."""

from dataclasses import dataclass, field

from feedback_app.clock import Clock
from feedback_app.hop import Produce
from feedback_app.kafka.topics import Topics
from feedback_app.runtime.shared_state import SharedState
from feedback_app.settings import Settings
from feedback_app.sources.protocol import SourceState


@dataclass(frozen=True, slots=True)
class SourceContext:
    """The `sources.protocol.Context` of this worker.

    `states` is {source id: its last state here and when it was reported, in Unix seconds}.
    """

    settings: Settings
    topics: Topics
    produce: Produce
    shared: SharedState
    clock: Clock
    states: dict[str, tuple[SourceState, float]] = field(default_factory=dict)

    def report(self, source_id: str, state: SourceState) -> None:
        """Record the present state of a source."""
        self.states[source_id] = (state, self.clock.time())

"""What the outbox is given by the worker that it runs in."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.clock import Clock
from feedback_app.hop import Produce
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings


@dataclass(frozen=True, slots=True)
class OutboxContext:
    """The worker, as the outbox sees it."""

    settings: Settings
    topics: Topics
    receivers: Receivers
    clock: Clock
    produce: Produce
    """Sends records and returns when the broker has them; raises TransientError."""
    channel_id: Callable[[str], Awaitable[str]]
    """Returns the id of an alert's channel; raises TransientError while there is none."""
    rebalancing: Callable[[], bool]
    """Whether a rebalance has begun and not ended."""
    assigned: Callable[[int], bool]
    """Whether a partition of the alerts is this worker's."""
    notice: Callable[[str, str], None]
    """Notifies the operations channel: (what it is about, text)."""
    report_blocked: Callable[[str, str | None], None]
    """Shows that a dependency is waited for: (dependency, why, None once it no longer is)."""
    uniform: Callable[[float, float], float] = random.uniform
    """Draws the jitter of waits from a range."""

"""What the outbox is given."""

from collections.abc import Callable
from dataclasses import dataclass

from agents import delivery
from feedback_app.alerting.channels import Channels
from feedback_app.clock import Clock
from feedback_app.hop import Produce
from feedback_app.hop.registry import StageRegistry
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.slack.client import SlackClient


@dataclass(frozen=True, slots=True)
class OutboxContext:
    """The `alerting.context.Context` of this worker."""

    settings: Settings
    topics: Topics
    slack: SlackClient
    channels: Channels
    clock: Clock
    registry: StageRegistry
    notice: Callable[[str, str], None]

    @property
    def produce(self) -> Produce:
        """Sends records and returns when the broker has them; raises TransientError."""
        return self.registry.sender.produce

    async def channel_id(self, channel: str) -> str:
        """Return the Slack id of an alert's channel; raises TransientError while there is none."""
        return await self.channels.find(channel)

    def rebalancing(self) -> bool:
        """Whether a rebalance is in progress."""
        return bool(self.registry.app.rebalancing)

    def assigned(self, partition: int) -> bool:
        """Whether this worker owns a partition of the alerts and is still a group member."""
        stage = self.registry.by_name[delivery.NAME]
        return partition in stage.partitions and self.registry.consumer.is_member

    def report_blocked(self, dependency: str, why: str | None) -> None:
        """Show that a dependency blocks the delivery stage, or with None that it no longer does."""
        self.registry.by_name[delivery.NAME].report_blocked(dependency, why)

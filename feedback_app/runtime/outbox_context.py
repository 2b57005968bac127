"""What the outbox is given by the worker that it runs in."""

from agents import delivery
from feedback_app.alerting.channel_resolver import ChannelResolver
from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.clock import Clock
from feedback_app.health.notices import Notices
from feedback_app.hop.registry import StageRegistry
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings


def outbox_context(
    settings: Settings,
    topics: Topics,
    receivers: Receivers,
    channels: ChannelResolver,
    notices: Notices,
    registry: StageRegistry,
    clock: Clock,
) -> OutboxContext:
    """Return the context; the delivery stage may be added to the registry later."""

    def assigned(partition: int) -> bool:
        stage = registry.by_name[delivery.NAME]
        return partition in stage.partitions and registry.consumer.is_member

    def report_blocked(dependency: str, why: str | None) -> None:
        registry.by_name[delivery.NAME].report_blocked(dependency, why)

    return OutboxContext(
        settings=settings,
        topics=topics,
        receivers=receivers,
        clock=clock,
        produce=registry.sender.produce,
        channel_id=channels.find,
        rebalancing=lambda: bool(registry.app.rebalancing),
        assigned=assigned,
        notice=notices.tell,
        report_blocked=report_blocked,
    )

"""What the outbox is given by the worker that it runs in."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from agents import delivery
from feedback_app.alerting.channels import Channels
from feedback_app.clock import Clock
from feedback_app.health.notices import Notices
from feedback_app.hop import Produce
from feedback_app.hop.registry import StageRegistry
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.slack.client import SlackClient


@dataclass(frozen=True, slots=True)
class OutboxContext:
    """An `alerting.context.Context`, which documents the members."""

    settings: Settings
    topics: Topics
    slack: SlackClient
    clock: Clock
    produce: Produce
    channel_id: Callable[[str], Coroutine[Any, Any, str]]
    rebalancing: Callable[[], bool]
    assigned: Callable[[int], bool]
    notice: Callable[[str, str], None]
    report_blocked: Callable[[str, str | None], None]


def outbox_context(
    settings: Settings,
    topics: Topics,
    slack: SlackClient,
    channels: Channels,
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
        slack=slack,
        clock=clock,
        produce=registry.sender.produce,
        channel_id=channels.find,
        rebalancing=lambda: bool(registry.app.rebalancing),
        assigned=assigned,
        notice=notices.tell,
        report_blocked=report_blocked,
    )

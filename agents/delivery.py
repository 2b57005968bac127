"""The delivery stage: reads `alerts`, posts to the receivers, writes `deliveries`, each alert once.

State: the newest Delivery of each alert of a partition, restored from the whole of `deliveries`.
"""

from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outbox import Outbox
from feedback_app.hop.record import RecordStage
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Stage, StageSpec
from feedback_app.hop.types import StateTopic
from feedback_app.kafka.topics import Topics
from models import Alert

NAME = "delivery"
CAPACITY = 10_000
"""Undelivered alerts of a partition in memory; beyond that the partition is not read."""


def build(registry: StageRegistry, topics: Topics, outbox: Outbox) -> Stage:
    """Add the stage to the registry; the outbox is its handler and counts what is pending."""
    spec = StageSpec(
        name=NAME,
        topic=topics.alerts.name,
        decode=Alert.decode,
        group=lambda alert: alert.queue,
        count_dead=("created", "dead_lettered"),
        state=StateTopic(topics.deliveries.name, DeliveryState),
    )
    return registry.add(
        RecordStage(
            spec,
            registry.context,
            outbox.deliver,
            capacity=CAPACITY,
            pending=outbox.pending,
        )
    )

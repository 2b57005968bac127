"""The four stages on their topics: which handler of `agents/` takes which records."""

from collections.abc import Sequence

import agents.alerts
import agents.polls
import agents.sentiment
from agents.sentiment import TextScorer
from feedback_app.alerting.channels import Channels
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outbox import Outbox
from feedback_app.clock import Clock
from feedback_app.dedupe import DedupeStore
from feedback_app.hop import Item, Result
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.record import RecordStage
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Plan, Stage
from feedback_app.hop.types import StateTopic
from feedback_app.kafka.topics import Topics
from feedback_app.sources.polling import Poller
from models import Alert, Feedback, ScoredFeedback

SENTIMENT_MAX_BATCH = 512
"""Records of a sentiment batch: some model batches, so that the model never waits for records."""
SENTIMENT_MAX_IN_FLIGHT = 2
"""Batches under way: while one is sent, the model has the next."""
DELIVERY_CAPACITY = 10_000
"""Alerts of a partition that may be read and not delivered; then that partition waits."""


def polls(registry: StageRegistry, topics: Topics, poller: Poller) -> Stage:
    """`polls` to `raw`: one source's pages a request."""
    return agents.polls.build(registry, topics, poller)


def sentiment(
    registry: StageRegistry, topics: Topics, scorer: TextScorer, hours: float, clock: Clock
) -> Stage:
    """`raw` to `scored`: each revision once, its repetitions recognised for so many hours."""
    plan = Plan(
        name="sentiment",
        topic=topics.raw.name,
        decode=Feedback.decode,
        group=lambda feedback: feedback.source,
        taken="ingested",
        state=StateTopic(
            topics.scored.name,
            lambda partition: DedupeStore(hours, clock.time),
            hours,
        ),
    )
    handler = agents.sentiment.build(scorer, topics.scored.name, clock.time)
    return registry.add(
        lambda links: BatchStage(
            plan,
            links,
            handler,
            max_batch=SENTIMENT_MAX_BATCH,
            max_in_flight=SENTIMENT_MAX_IN_FLIGHT,
            seen=registry.seen,
        )
    )


def alerts(registry: StageRegistry, topics: Topics, channels: Channels, clock: Clock) -> Stage:
    """`scored` to `alerts`: the rules, whose channels only Slack can name."""

    async def handler(items: Sequence[Item[ScoredFeedback]]) -> list[Result]:
        rules = await channels.rules()
        return await agents.alerts.build(rules, topics.alerts.name, clock.time)(items)

    plan = Plan(
        name="alerts",
        topic=topics.scored.name,
        decode=ScoredFeedback.decode,
        group=lambda scored: scored.feedback.source,
    )
    return registry.add(lambda links: BatchStage(plan, links, handler, seen=registry.seen))


def delivery(registry: StageRegistry, topics: Topics, outbox: Outbox) -> Stage:
    """`alerts` to Slack, by way of `deliveries`."""

    plan = Plan(
        name="delivery",
        topic=topics.alerts.name,
        decode=Alert.decode,
        group=lambda alert: alert.queue,
        dead=("created", "dead_lettered"),
        state=StateTopic(topics.deliveries.name, DeliveryState),
    )
    return registry.add(
        lambda links: RecordStage(
            plan,
            links,
            outbox.deliver,
            capacity=DELIVERY_CAPACITY,
            pending=outbox.pending,
            seen=registry.seen,
        )
    )

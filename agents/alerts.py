"""The alerts stage: reads `scored`, writes `alerts`, a put or a retract per rule that applies.

State: none. The rules are pure functions of one message; the outbox knows what was posted.
"""

from collections.abc import Awaitable, Callable, Sequence

from feedback_app.alerting.rules import ResolvedRule, operations
from feedback_app.clock import Clock
from feedback_app.hop import Item, Output, Result
from feedback_app.hop.batch import BatchHandler, BatchStage
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Stage, StageSpec
from feedback_app.kafka.topics import Topics
from models import ScoredFeedback
from models.alert import PUT

NAME = "alerts"
Rules = Callable[[], Awaitable[Sequence[ResolvedRule]]]
"""Returns the rules with channel ids; raises TransientError until a receiver has answered."""


def build(registry: StageRegistry, topics: Topics, rules: Rules, clock: Clock) -> Stage:
    """Add the stage to the registry."""
    spec = StageSpec(
        name=NAME,
        topic=topics.scored.name,
        decode=ScoredFeedback.decode,
        group=lambda scored: scored.feedback.source,
    )
    apply = handler(rules, topics.alerts.name, clock)
    return registry.add(BatchStage(spec, registry.context, apply))


def handler(rules: Rules, topic: str, clock: Clock) -> BatchHandler:
    """Return the batch handler, which writes to `topic`.

    The key of an alert is its channel, and its partition that of the rule.
    """

    async def alerts(items: Sequence[Item[ScoredFeedback]]) -> list[Result]:
        current = await rules()
        partitions = {rule.id: rule.partition for rule in current}
        now = clock.time()
        return [result(item.value, current, partitions, topic, now) for item in items]

    return alerts


def result(
    scored: ScoredFeedback,
    rules: Sequence[ResolvedRule],
    partitions: dict[str, int | None],
    topic: str,
    now: float,
) -> Result:
    """Return the alerts of a message; it counts as `alerted` if any rule matches, else `quiet`."""
    found = operations(scored, rules, now)
    if not found:
        return Result((), [(scored.feedback.source, "quiet")])
    matched = any(alert.op == PUT for alert in found)
    return Result(
        outputs=[
            Output(topic, alert.channel.encode(), alert.encode(), partitions[alert.rule])
            for alert in found
        ],
        counts=[(scored.feedback.source, "alerted" if matched else "quiet")],
    )

"""The alerts stage: scored feedback in, operations on alerts out, keyed by their channel."""

from collections.abc import Awaitable, Callable, Sequence

from feedback_app.alerting.rules import ResolvedRule, operations
from feedback_app.hop import Item, Output, Result
from models import ScoredFeedback
from models.alert import PUT


def build(
    rules: Sequence[ResolvedRule], topic: str, clock: Callable[[], float]
) -> Callable[[Sequence[Item[ScoredFeedback]]], Awaitable[list[Result]]]:
    """Return the batch handler; `topic` takes the alerts, `clock` gives Unix seconds.

    A feedback counts as `alerted` where at least one rule matches it, else as `quiet`.
    """

    places = {rule.id: rule.partition for rule in rules}

    async def alerts(items: Sequence[Item[ScoredFeedback]]) -> list[Result]:
        now = clock()
        return [result(item.value, now) for item in items]

    def result(scored: ScoredFeedback, now: float) -> Result:
        found = operations(scored, rules, now)
        if not found:
            return Result((), [(scored.feedback.source, "quiet")])
        matched = any(alert.op == PUT for alert in found)
        return Result(
            outputs=[
                Output(topic, alert.channel.encode(), alert.encode(), places[alert.rule])
                for alert in found
            ],
            counts=[(scored.feedback.source, "alerted" if matched else "quiet")],
        )

    return alerts

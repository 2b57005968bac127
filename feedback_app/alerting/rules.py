"""Which feedback is an alert: pure rules that keep no state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka.partitioner import murmur2

from feedback_app.settings import Rule
from models import Alert, Feedback, ScoredFeedback, rfc3339
from models.alert import PUT, RETRACT, alert_id

TEXT_CHARACTERS = 3000
"""How much of a text an alert carries: no message shows more."""


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """A rule with its channel's id, or the channel as configured while the id is unknown.

    `partition` is that of its alerts; None lets the key's hash decide.
    """

    rule: Rule
    channel: str
    partition: int | None = None

    @property
    def id(self) -> str:
        """The id of the rule."""
        return self.rule.id


def matches(rule: Rule, feedback: Feedback, score: float | None) -> bool:
    """Whether a feedback with this score meets every condition of a rule."""
    return (
        feedback.kind != "delete"
        and score is not None
        and within(rule, score)
        and rule.source in (None, feedback.source)
    )


def within(rule: Rule, score: float) -> bool:
    """Whether a score is beyond the rule's limits, or between them where they form a band."""
    low = rule.below is not None and score < rule.below
    high = rule.above is not None and score > rule.above
    if rule.below is None or rule.above is None:
        return low or high or (rule.below is None and rule.above is None)
    return low and high if rule.above < rule.below else low or high


def resolve(
    rules: Iterable[Rule], channel_ids: Mapping[str, str], partitions: int
) -> tuple[ResolvedRule, ...]:
    """Return the rules with the ids of their channels; `channel_ids` is {as configured: id}."""
    return tuple(
        ResolvedRule(
            rule,
            channel_ids.get(rule.channel, rule.channel),
            partition_of(rule.channel, partitions),
        )
        for rule in rules
    )


def partition_of(channel: str, partitions: int) -> int:
    """Return the partition for the alerts of a channel, by its name as configured.

    It must not change when the channel's id becomes known: an outbox knows only what its own
    partition has delivered.
    """
    return int(murmur2(channel.encode()) & 0x7FFFFFFF) % partitions


def operations(scored: ScoredFeedback, rules: Iterable[ResolvedRule], now: float) -> list[Alert]:
    """Return what a scored feedback does to the alerts on it; `now` in Unix seconds.

    A first revision that matches a rule is a `put`. A later one is a `put` or a `retract` for
    every rule, because an earlier revision may have matched, even with another source. A deletion
    retracts, and feedback without a score matches nothing.
    """
    found = []
    for rule in rules:
        if matches(rule.rule, scored.feedback, scored.score):
            found.append(_alert(PUT, scored, rule, now))
        elif not scored.first or scored.feedback.kind == "delete":
            found.append(_alert(RETRACT, scored, rule, now))
    return found


def _alert(op: str, scored: ScoredFeedback, rule: ResolvedRule, now: float) -> Alert:
    feedback = scored.feedback
    deleted = feedback.kind == "delete"
    return Alert(
        id=alert_id(rule.id, feedback.id),
        op=op,
        rule=rule.id,
        channel=rule.channel,
        feedback_id=feedback.id,
        revision=feedback.revision,
        text="" if deleted else cut(feedback.text),
        score=None if deleted else scored.score,
        label=None if deleted else scored.label,
        probabilities=None if deleted else scored.probabilities,
        source=feedback.source,
        author=None if deleted else feedback.author,
        url=None if deleted else feedback.url,
        created_at=feedback.created_at,
        alerted_at=rfc3339(now),
        channel_name=rule.rule.channel,
    )


def cut(text: str) -> str:
    """Return text of at most 3,000 characters, cut at a word where one ends near the limit."""
    if len(text) <= TEXT_CHARACTERS:
        return text
    kept = text[: TEXT_CHARACTERS - 1]
    space = kept.rfind(" ", TEXT_CHARACTERS - 100)
    return (kept if space < 0 else kept[:space]) + "…"

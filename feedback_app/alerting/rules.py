"""Which feedback is an alert: pure rules that keep no state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka.partitioner import murmur2

from feedback_app.settings import Rule
from models import Alert, ScoredFeedback, rfc3339
from models.alert import PUT, RETRACT, alert_id

TEXT_CHARACTERS = 3000
"""How much of a text an alert carries: no Slack message shows more."""


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A rule whose channel is a Slack channel id, or a name that Slack does not know yet.

    `name` is the channel as configured; `partition` that of its alerts, None where the key's hash
    decides.
    """

    id: str
    channel: str
    below: float | None = None
    above: float | None = None
    source: str | None = None
    partition: int | None = None
    name: str = ""

    def covers(self, score: float) -> bool:
        """Whether a score is beyond the rule's limits, or between them where they form a band."""
        low = self.below is not None and score < self.below
        high = self.above is not None and score > self.above
        if self.below is None or self.above is None:
            return low or high or (self.below is None and self.above is None)
        return low and high if self.above < self.below else low or high


def resolve(
    rules: Iterable[Rule], channel_ids: Mapping[str, str], partitions: int
) -> tuple[ChannelRule, ...]:
    """Return the rules with the ids of their channels; `channel_ids` is {as configured: id}."""
    return tuple(
        ChannelRule(
            rule.id,
            channel_ids.get(rule.channel, rule.channel),
            rule.below,
            rule.above,
            rule.source,
            partition_of(rule.channel, partitions),
            rule.channel,
        )
        for rule in rules
    )


def partition_of(channel: str, partitions: int) -> int:
    """Return the partition for the alerts of a channel, by its name as configured.

    It must stay the same when Slack comes to know the name, for the outbox knows only what its
    partition has delivered.
    """
    return int(murmur2(channel.encode()) & 0x7FFFFFFF) % partitions


def operations(scored: ScoredFeedback, rules: Iterable[ChannelRule], now: float) -> list[Alert]:
    """Return what a scored feedback does to the alerts on it; `now` in Unix seconds.

    A first revision that matches a rule is a `put`; a later one is, for every rule, a `put` or a
    `retract`: a message can come from another source than before. A deletion retracts; what was
    not scored matches nothing.
    """
    found = []
    for rule in rules:
        covered = rule.source is None or rule.source == scored.feedback.source
        matches = covered and scored.score is not None and rule.covers(scored.score)
        if matches and scored.feedback.kind != "delete":
            found.append(_alert(PUT, scored, rule, now))
        elif not scored.first or scored.feedback.kind == "delete":
            found.append(_alert(RETRACT, scored, rule, now))
    return found


def _alert(op: str, scored: ScoredFeedback, rule: ChannelRule, now: float) -> Alert:
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
        channel_name=rule.name,
    )


def cut(text: str) -> str:
    """Return text of at most 3,000 characters, cut at a word where one ends near the limit."""
    if len(text) <= TEXT_CHARACTERS:
        return text
    kept = text[: TEXT_CHARACTERS - 1]
    space = kept.rfind(" ", TEXT_CHARACTERS - 100)
    return (kept if space < 0 else kept[:space]) + "…"

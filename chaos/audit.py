"""Compares input and output of a run; pure, and without any code of the app."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.observed import Alert, Platforms, TopicContents, Verdict
from chaos.poison import is_malformed, kept_bytes

SHOWN = 3


@dataclass(frozen=True)
class Limits:
    """Alert thresholds: below `negative` and above `positive`."""

    negative: float
    positive: float

    def rules(self, verdict: Verdict) -> set[str]:
        """Return the rules that a verdict matches."""
        if verdict.deleted or verdict.score is None:
            return set()
        low, high = verdict.score < self.negative, verdict.score > self.positive
        return {name for name, met in (("negative", low), ("positive", high)) if met}


@dataclass
class Audit:
    """The findings; `problems` is empty for a correct run."""

    messages: int = 0
    lost: int = 0
    doubled_seen: int = 0
    """Posts of an alert beyond the first, including deleted ones."""
    doubled_left: int = 0
    """Messages of an alert beyond the first that are still in Slack."""
    alerts: int = 0
    planted: int = 0
    """Expected dead letters: of poison records and malformed payloads."""
    dead_letters: int = 0
    """Unexpected dead letters."""
    problems: list[str] = field(default_factory=list)

    def check_none(self, what: str, found: Iterable[object]) -> int:
        """Add a problem with its first examples unless `found` is empty; return its size."""
        every = list(found)
        if every:
            examples = ", ".join(map(str, every[:SHOWN]))
            self.problems.append(f"{len(every)} {what}: {examples}")
        return len(every)


def newest(scored: Iterable[Verdict]) -> dict[str, Verdict]:
    """Return the highest revision of each feedback id; a deletion is final."""
    found: dict[str, Verdict] = {}
    for one in scored:
        known = found.get(one.id)
        if known is None or (one.deleted, one.revision) >= (known.deleted, known.revision):
            found[one.id] = one
    return found


def audit(platforms: Platforms, topics: TopicContents, limits: Limits) -> Audit:
    """Compare the platforms with the topics, and both with the messages in Slack."""
    result = Audit(messages=len(platforms.items))
    verdicts = newest(topics.scored)
    result.lost = _ingested(platforms, verdicts, result)
    result.lost += _alerted(platforms, topics, verdicts, limits, result)
    result.lost += _dead_lettered(platforms, topics, result)
    return result


def _dead_lettered(platforms: Platforms, topics: TopicContents, result: Audit) -> int:
    """Only poison records and malformed payloads have dead letters, and each poison record has."""
    sentiment = {
        (letter["partition"], letter["offset"]): letter
        for letter in topics.dead
        if letter["stage"] == "sentiment"
    }
    others = [letter for letter in topics.dead if letter["stage"] != "sentiment"]
    malformed = {letter["value"] for letter in others if is_malformed(letter)}
    wrong = [sentiment[place] for place in sentiment.keys() - topics.poison.keys()]
    wrong += [letter for letter in others if not is_malformed(letter)]
    result.planted = len(topics.poison) + len(malformed)
    result.dead_letters = result.check_none(
        "dead letters", [f"{letter['stage']}: {letter['reason']}" for letter in wrong]
    )
    changed = [
        place
        for place in sentiment.keys() & topics.poison.keys()
        if kept_bytes(sentiment[place], "value") != topics.poison[place]
    ]
    result.check_none("dead letters with other bytes than the record", changed)
    sent = platforms.faults["odd"]
    if len(malformed) > sent:
        result.check_none("malformed payloads that were not sent", sorted(malformed)[sent:])
    return result.check_none(
        "poison records without a dead letter", topics.poison.keys() - sentiment.keys()
    )


def _ingested(platforms: Platforms, verdicts: Mapping[str, Verdict], result: Audit) -> int:
    lost, stale = [], []
    for identity, item in platforms.items.items():
        verdict, gone = verdicts.get(identity), item.kind == "delete"
        if verdict is None:
            # A message deleted before it was read may be unknown.
            lost += [] if gone else [identity]
        elif verdict.deleted != gone or (not gone and verdict.text != item.text):
            stale.append(identity)
    result.check_none("scored that nobody wrote", verdicts.keys() - platforms.items.keys())
    return result.check_none("items never scored", lost) + result.check_none(
        "latest versions lost", stale
    )


def _alerted(
    platforms: Platforms,
    topics: TopicContents,
    verdicts: Mapping[str, Verdict],
    limits: Limits,
    result: Audit,
) -> int:
    ids = {(alert.feedback_id, alert.rule): alert.id for alert in topics.alerts}
    shown: dict[str, list[str]] = {}
    for message in platforms.messages.values():
        for alert in message.alerts:
            shown.setdefault(alert, []).append(message.text)
    missing, outdated, unexpected = [], [], []
    for identity, verdict in verdicts.items():
        met = limits.rules(verdict)
        result.alerts += len(met)
        for rule in ("negative", "positive"):
            alert = ids.get((identity, rule), "")
            texts = shown.get(alert, [])
            current = [text for text in texts if _shows(text, verdict.text)]
            if rule in met and not texts:
                missing.append(f"{rule} {identity}")
            elif rule in met and not current:
                outdated.append(f"{rule} {identity}: {texts[0]}")
            elif rule not in met and any("item " in text for text in texts):
                unexpected.append(f"{rule} {identity}")
    result.doubled_seen = sum(n - 1 for n in platforms.posted.values())
    result.doubled_left = result.check_none(
        "alerts with more than one message", [one for one, texts in shown.items() if len(texts) > 1]
    )
    result.check_none("alerts with outdated text", outdated)
    result.check_none("alerts that should be withdrawn", unexpected)
    result.check_none("alerts in Slack without feedback", shown.keys() - set(ids.values()))
    return result.check_none("alerts missing in Slack", missing)


def _shows(text: str, expected: str) -> bool:
    # `item 17 version 2 …` identifies the version even in truncated text.
    head = " ".join(expected.split()[:4])
    return head in text or not expected.startswith("item ")


def compare_figures(
    stats: Mapping[str, Any], topics: TopicContents, names: Mapping[str, str]
) -> list[str]:
    """Return the differences between the figures of `/stats` and the counts from the topics.

    `names` is {Slack channel id: the channel as configured}.
    """
    problems = [] if stats["balanced"] else ["the app reports that its figures do not balance"]
    problems += _sources(stats["sources"], topics)
    created: dict[str, set[str]] = {}
    last: dict[str, Alert] = {}
    for alert in topics.alerts:
        if alert.op == "put":
            created.setdefault(names[alert.channel], set()).add(alert.id)
        known = last.get(alert.id)
        # An interrupted batch is written again, possibly after later versions.
        if known is None or alert.revision >= known.revision:
            last[alert.id] = alert
    for channel, reported in stats["alerts"].items():
        ids = created.get(channel, set())
        live = sum(last[one].op == "put" for one in ids)
        want = {"created": len(ids), "delivered": live, "retracted": len(ids) - live}
        want |= {"pending": 0, "dead_lettered": 0}
        got = {name: reported[name] for name in want}
        if got != want:
            problems.append(f"{channel}: the app reports {got}, counted {want}")
    return problems


def _sources(reported: Mapping[str, Mapping[str, Any]], topics: TopicContents) -> list[str]:
    read = Counter(source for source, _ in topics.raw.values())
    scored = {verdict.origin: verdict for verdict in topics.scored}
    alive = Counter(verdict.source for verdict in scored.values() if not verdict.deleted)
    deleted = Counter(verdict.source for verdict in scored.values() if verdict.deleted)
    dead = Counter(topics.raw[place][0] for place in topics.poison)
    problems = []
    for source in read.keys() | reported.keys():
        want = {
            "ingested": read[source],
            "scored": alive[source],
            "deleted": deleted[source],
            "dead_lettered": dead[source],
        }
        got = {name: reported.get(source, {}).get(name, 0) for name in want}
        if got != want:
            problems.append(f"source {source}: the app reports {got}, counted {want}")
    return problems

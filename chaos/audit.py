"""Compares what went in with what came out; pure, and with no code of the app."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.poison import is_odd, kept_bytes
from chaos.seen import Alert, Outside, Topics, Verdict

SHOWN = 3


@dataclass(frozen=True)
class Limits:
    """Where an alert begins: below and above."""

    negative: float
    positive: float

    def rules(self, verdict: Verdict) -> set[str]:
        """Return the rules that a verdict meets."""
        if verdict.deleted or verdict.score is None:
            return set()
        low, high = verdict.score < self.negative, verdict.score > self.positive
        return {name for name, met in (("negative", low), ("positive", high)) if met}


@dataclass
class Audit:
    """What was found; `problems` is empty where everything is as it must be."""

    messages: int = 0
    lost: int = 0
    doubled_seen: int = 0
    """Posts of an alert beyond its first, ever."""
    doubled_left: int = 0
    """Messages of an alert beyond one that stand."""
    alerts: int = 0
    repeated: int = 0
    """Records of `scored` beyond one a raw record."""
    planted: int = 0
    """Dead letters that had to be: of poison records and odd payloads."""
    dead_letters: int = 0
    """Those that nobody planted."""
    problems: list[str] = field(default_factory=list)

    def blame(self, what: str, found: Iterable[object]) -> int:
        """Note a problem with its first examples, where there are any; return how many."""
        every = list(found)
        if every:
            examples = ", ".join(map(str, every[:SHOWN]))
            self.problems.append(f"{len(every)} {what}: {examples}")
        return len(every)


def newest(scored: Iterable[Verdict]) -> dict[str, Verdict]:
    """Return the highest revision of each feedback; a deletion ends it."""
    found: dict[str, Verdict] = {}
    for one in scored:
        known = found.get(one.id)
        if known is None or (one.deleted, one.revision) >= (known.deleted, known.revision):
            found[one.id] = one
    return found


def audit(outside: Outside, topics: Topics, limits: Limits) -> Audit:
    """Compare the platforms with the topics, and both with what stands in Slack."""
    result = Audit(messages=len(outside.items))
    verdicts = newest(topics.scored)
    result.lost = _ingested(outside, verdicts, result)
    result.lost += _alerted(outside, topics, verdicts, limits, result)
    result.lost += _dead_lettered(outside, topics, result)
    # A batch that was cut off is written again: that costs a line in `scored` and nothing else.
    result.repeated = len(topics.scored) - len({verdict.origin for verdict in topics.scored})
    return result


def _dead_lettered(outside: Outside, topics: Topics, result: Audit) -> int:
    """Each poison record has its dead letter, and nothing else has but odd payloads."""
    graves = {
        (letter["partition"], letter["offset"]): letter
        for letter in topics.dead
        if letter["stage"] == "sentiment"
    }
    others = [letter for letter in topics.dead if letter["stage"] != "sentiment"]
    odd = {letter["value"] for letter in others if is_odd(letter)}
    wrong = [graves[place] for place in graves.keys() - topics.poison.keys()]
    wrong += [letter for letter in others if not is_odd(letter)]
    result.planted = len(topics.poison) + len(odd)
    result.dead_letters = result.blame(
        "dead letters", [f"{letter['stage']}: {letter['reason']}" for letter in wrong]
    )
    changed = [
        place
        for place in graves.keys() & topics.poison.keys()
        if kept_bytes(graves[place], "value") != topics.poison[place]
    ]
    result.blame("dead letters with other bytes than the record", changed)
    if len(odd) > outside.faults["odd"]:
        result.blame("odd payloads that nobody sent", sorted(odd)[outside.faults["odd"] :])
    return result.blame(
        "poison records without a dead letter", topics.poison.keys() - graves.keys()
    )


def _ingested(outside: Outside, verdicts: Mapping[str, Verdict], result: Audit) -> int:
    lost, stale = [], []
    for identity, item in outside.items.items():
        verdict, gone = verdicts.get(identity), item.kind == "delete"
        if verdict is None:
            # What was deleted before anybody read it need not be known.
            lost += [] if gone else [identity]
        elif verdict.deleted != gone or (not gone and verdict.text != item.text):
            stale.append(identity)
    result.blame("scored that nobody said", verdicts.keys() - outside.items.keys())
    return result.blame("items never scored", lost) + result.blame("last versions lost", stale)


def _alerted(
    outside: Outside,
    topics: Topics,
    verdicts: Mapping[str, Verdict],
    limits: Limits,
    result: Audit,
) -> int:
    ids = {(alert.feedback_id, alert.rule): alert.id for alert in topics.alerts}
    standing: dict[str, list[str]] = {}
    for message in outside.messages.values():
        for alert in message.alerts:
            standing.setdefault(alert, []).append(message.text)
    missing, wrong, unasked = [], [], []
    for identity, verdict in verdicts.items():
        met = limits.rules(verdict)
        result.alerts += len(met)
        for rule in ("negative", "positive"):
            alert = ids.get((identity, rule), "")
            texts = standing.get(alert, [])
            shows = [text for text in texts if _shows(text, verdict.text)]
            if rule in met and not texts:
                missing.append(f"{rule} {identity}")
            elif rule in met and not shows:
                wrong.append(f"{rule} {identity}: {texts[0]}")
            elif rule not in met and any("item " in text for text in texts):
                unasked.append(f"{rule} {identity}")
    result.doubled_seen = sum(n - 1 for n in outside.posted.values())
    result.doubled_left = result.blame(
        "alerts that stand twice", [one for one, texts in standing.items() if len(texts) > 1]
    )
    result.blame("alerts that show no present text", wrong)
    result.blame("alerts that should not stand", unasked)
    result.blame("alerts in Slack of no feedback", standing.keys() - set(ids.values()))
    return result.blame("alerts missing in Slack", missing)


def _shows(text: str, said: str) -> bool:
    # `item 17 version 2 …`: enough to know the version, however far the text was cut.
    head = " ".join(said.split()[:4])
    return head in text or not said.startswith("item ")


def accounts(stats: Mapping[str, Any], topics: Topics, names: Mapping[str, str]) -> list[str]:
    """Return where the app's own figures differ from what was counted here.

    `names` is {Slack channel id: the channel as configured}.
    """
    problems = [] if stats["balanced"] else ["the app says itself that it does not balance"]
    problems += _sources(stats["sources"], topics)
    created: dict[str, set[str]] = {}
    last: dict[str, Alert] = {}
    for alert in topics.alerts:
        if alert.op == "put":
            created.setdefault(names[alert.channel], set()).add(alert.id)
        known = last.get(alert.id)
        # A batch that was cut off is written again, behind what was written of later versions.
        if known is None or alert.revision >= known.revision:
            last[alert.id] = alert
    for channel, said in stats["alerts"].items():
        mine = created.get(channel, set())
        live = sum(last[one].op == "put" for one in mine)
        want = {"created": len(mine), "delivered": live, "retracted": len(mine) - live}
        want |= {"pending": 0, "dead_lettered": 0}
        got = {name: said[name] for name in want}
        if got != want:
            problems.append(f"{channel}: the app says {got}, counted {want}")
    return problems


def _sources(said: Mapping[str, Mapping[str, Any]], topics: Topics) -> list[str]:
    read = Counter(source for source, _ in topics.raw.values())
    scored = {verdict.origin: verdict for verdict in topics.scored}
    good = Counter(verdict.source for verdict in scored.values() if not verdict.deleted)
    deleted = Counter(verdict.source for verdict in scored.values() if verdict.deleted)
    buried = Counter(topics.raw[place][0] for place in topics.poison)
    problems = []
    for source in read.keys() | said.keys():
        want = {
            "ingested": read[source],
            "scored": good[source],
            "deleted": deleted[source],
            "dead_lettered": buried[source],
        }
        got = {name: said.get(source, {}).get(name, 0) for name in want}
        if got != want:
            problems.append(f"source {source}: the app says {got}, counted {want}")
    return problems

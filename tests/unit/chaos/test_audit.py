"""The audit reports each kind of problem, and nothing in a correct run."""

import base64
from collections.abc import Callable
from itertools import product

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.audit import Limits, audit, compare_figures
from chaos.load import acts
from chaos.observed import Platforms, Record, TopicContents
from chaos.recovery import longest, stalls
from chaos.schedule import KINDS, dealt, schedule

LIMITS = Limits(negative=0.3, positive=0.9)
CHANNEL = "C1"
POISON = b"{no"
MALFORMED = b'{"event": {"ts": "1.000001", "text": {"unexpected": true}}}'


def put(number: int, version: int = 1, kind: str = "create") -> dict[str, object]:
    """Return the log entry of a person's message."""
    text = f"item {number} version {version} words"
    return {"event": "put", "platform": "x", "kind": kind, "id": str(number), "text": text}


def posted(number: int, version: int = 1, event: str = "posted", ts: int = 0) -> dict[str, object]:
    """Return the log entry of the app's alert on an item."""
    return {
        "event": event,
        "at": 1.0,
        "channel_id": CHANNEL,
        "ts": f"{number}.{ts:06d}",
        "text": f"score 0.1: item {number} version {version} words",
        "metadata": {"event_type": "feedback_alert", "event_payload": {"alerts": [f"a{number}"]}},
    }


def record(offset: int, data: object, key: bytes = b"") -> Record:
    """Return a Kafka record of partition 0."""
    return Record(0, offset, key, orjson.dumps(data), float(offset))


def scored(number: int, version: int = 1, score: float = 0.1, kind: str = "create") -> Record:
    """Return a record of `scored`."""
    text = "" if kind == "delete" else f"item {number} version {version} words"
    feedback = {"id": f"x:{number}", "revision": version, "kind": kind, "text": text, "source": "x"}
    return record(
        number,
        {"feedback": feedback, "score": score, "partition": 0, "offset": 10 * version + number},
    )


def alert(number: int, op: str = "put", version: int = 1) -> Record:
    """Return a record of `alerts`."""
    return record(
        number,
        {
            "id": f"a{number}",
            "op": op,
            "rule": "negative",
            "channel": CHANNEL,
            "feedback_id": f"x:{number}",
            "revision": version,
        },
    )


class World:
    """Three items, each with one alert in Slack."""

    def __init__(self) -> None:
        self.platforms, self.topics = Platforms(), TopicContents()
        for number in range(3):
            self.platforms.add(put(number))
            self.platforms.add(posted(number))
            self.topics.add("raw", record(10 + number, {"source": "x"}))
            self.topics.add("scored", scored(number))
            self.topics.add("alerts", alert(number))

    def say(self, entry: dict[str, object]) -> None:
        """Add an entry to the log."""
        self.platforms.add(entry)


def test_a_correct_run_has_no_problems() -> None:
    world = World()
    found = audit(world.platforms, world.topics, LIMITS)
    assert not found.problems
    assert (found.messages, found.alerts, found.lost) == (3, 3, 0)


def edited(world: World, score: float) -> None:
    """Edit and score an item, but leave its alert as it is."""
    world.say(put(1, 2, "edit"))
    world.topics.add("scored", scored(1, 2, score))


def send_to_dlq(world: World, stage: str, offset: int, value: bytes) -> None:
    """Add the dead letter of a record of partition 0."""
    kept = base64.b64encode(value).decode()
    letter = {"stage": stage, "partition": 0, "offset": offset, "value": kept, "reason": "r"}
    world.topics.add("dead-letters", record(0, letter))


def poisoned(world: World, *letters: bytes | None) -> None:
    """Add a poison record to `raw`, and its dead letters with these values."""
    world.topics.add("raw", Record(0, 20, b"poison-1", POISON, 0.0))
    for value in filter(None, letters):
        send_to_dlq(world, "sentiment", 20, value)


WRONG: list[tuple[Callable[[World], object], str]] = [
    (lambda world: world.say(put(9)), "1 items never scored"),
    (lambda world: world.say(put(1, 2, "edit")), "1 latest versions lost"),
    (lambda world: world.say(put(1, 1, "delete")), "1 latest versions lost"),
    (lambda world: world.topics.add("scored", scored(7)), "1 scored that nobody wrote"),
    (lambda world: world.say(posted(1, ts=5)), "1 alerts with more than one message"),
    (lambda world: world.platforms.messages.popitem(), "1 alerts missing in Slack"),
    (lambda world: world.say(posted(8)), "1 alerts in Slack without feedback"),
    (lambda world: send_to_dlq(world, "delivery", 1, b"{}"), "1 dead letters"),
    (lambda world: send_to_dlq(world, "sentiment", 10, b'{"source":"x"}'), "1 dead letters"),
    (
        lambda world: send_to_dlq(world, "polls", -1, MALFORMED),
        "1 malformed payloads that were not sent",
    ),
    (lambda world: poisoned(world), "1 poison records without a dead letter"),
    (lambda world: poisoned(world, b"{yes"), "1 dead letters with other bytes than the record"),
    (lambda world: edited(world, score=0.5), "1 alerts that should be withdrawn"),
    (lambda world: edited(world, score=0.1), "1 alerts with outdated text"),
]


@pytest.mark.parametrize(("spoil", "reported"), WRONG)
def test_each_problem_is_reported(spoil: Callable[[World], object], reported: str) -> None:
    world = World()
    spoil(world)
    problems = audit(world.platforms, world.topics, LIMITS).problems
    assert any(problem.startswith(reported) for problem in problems), problems


def test_a_deleted_duplicate_still_counts_as_seen() -> None:
    world = World()
    world.say(posted(1, ts=5))
    world.say({"event": "deleted", "channel_id": CHANNEL, "ts": "1.000005"})
    found = audit(world.platforms, world.topics, LIMITS)
    assert not found.problems
    assert (found.doubled_seen, found.doubled_left) == (1, 0)


def test_planted_dead_letters_are_expected_and_counted() -> None:
    world = World()
    for value in (MALFORMED, b'{"id": "7", "edit_history_tweet_ids": ["7"]}'):
        world.say({"event": "fault", "name": "odd"})
        send_to_dlq(world, "polls", -1, value)
    poisoned(world, POISON, POISON)  # an interrupted batch is written again
    found = audit(world.platforms, world.topics, LIMITS)
    assert not found.problems
    assert (found.planted, found.dead_letters, found.lost) == (3, 0, 0)
    figures = stats() | {"sources": {"x": SOURCE, "unknown": {"ingested": 1, "dead_lettered": 1}}}
    assert not compare_figures(figures, world.topics, {CHANNEL: "#bad"})
    assert compare_figures(stats(), world.topics, {CHANNEL: "#bad"})


SOURCE = {"ingested": 3, "scored": 3, "deleted": 0, "dead_lettered": 0}


def stats(**wrong: int) -> dict[str, object]:
    """Return the figures for the three items, with `wrong` instead."""
    channel = {"created": 3, "delivered": 3, "retracted": 0, "pending": 0, "dead_lettered": 0}
    return {
        "balanced": True,
        "sources": {"x": {name: wrong.get(name, n) for name, n in SOURCE.items()}},
        "alerts": {"#bad": {name: wrong.get(name, n) for name, n in channel.items()}},
    }


@pytest.mark.parametrize(
    "wrong", [{"ingested": 4}, {"scored": 2}, {"created": 2}, {"delivered": 2}, {"pending": 1}]
)
def test_differing_figures_of_the_app_are_reported(wrong: dict[str, int]) -> None:
    topics = World().topics
    assert not compare_figures(stats(), topics, {CHANNEL: "#bad"})
    assert compare_figures(stats(**wrong), topics, {CHANNEL: "#bad"})


def test_an_alert_written_again_does_not_undo_a_later_version() -> None:
    topics = World().topics
    for again in (alert(1, "put"), alert(1, "retract", 2), alert(1, "put")):
        topics.add("alerts", again)
    assert not compare_figures(stats(delivered=2, retracted=1), topics, {CHANNEL: "#bad"})
    topics.add("alerts", alert(1, "put", 3))
    assert not compare_figures(stats(), topics, {CHANNEL: "#bad"})


def test_a_stall_lasts_from_the_oldest_waiting_record_to_the_next_progress() -> None:
    topics = TopicContents()
    for offset, at in enumerate([0.0, 1.0, 2.0, 20.0]):
        topics.raw[0, offset] = ("x", at)
    topics.progress[0] = [(0.5, 0), (9.0, 2), (21.5, 3)]
    found = stalls(topics)
    assert [(one.begin, one.end) for one in found] == [(1.0, 9.0), (20.0, 21.5)]
    assert longest(found) == 8.0


@given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
def test_a_schedule_depends_on_its_seed_alone(seed: int, count: int) -> None:
    faults = schedule(seed, count, 30)
    assert faults == schedule(seed, count, 30)
    assert len(faults) == count
    assert all(0 <= fault.at <= 30 and fault.lasts >= 0 for fault in faults)


@given(deck=st.integers(0, 50))
def test_a_deck_has_every_kind_once(deck: int) -> None:
    assert sorted(dealt(deck * len(KINDS), len(KINDS))) == sorted(KINDS)


@given(seed=st.integers(0, 1000))
def test_people_change_only_what_they_wrote(seed: int) -> None:
    written: dict[int, str] = {}
    for act in acts(200, seed):
        if act.kind == "create":
            assert act.item not in written
            written[act.item] = act.via
        else:
            assert written[act.item] == act.via
    assert sorted(written) == list(range(200))


def test_people_edit_and_delete_on_both_platforms() -> None:
    kinds = {(act.kind, act.via) for act in acts(500, seed=1)}
    assert kinds == set(product(("create", "edit", "delete"), ("x", "slack")))

"""The state of topics, and how missing ones are created."""

import pytest

from feedback_app.kafka.admin import (
    TopicState,
    create_command,
    expected,
    replication_of,
    topic_config,
)
from feedback_app.kafka.topics import Topic, Topics
from feedback_app.load_settings import load
from feedback_app.settings import Settings


def settings(**values: str) -> Settings:
    return load({f"FEEDBACK_{name.upper()}": value for name, value in values.items()})


def test_a_worker_needs_ten_topics() -> None:
    found = settings(app_id="mine", topic_prefix="mine.")
    names = [topic.name for topic in expected(found, Topics.of(found))]
    assert len(names) == len(set(names)) == 10
    assert names[-1] == "mine-__assignor-__leader"


@pytest.mark.parametrize(
    ("found", "led", "words"),
    [
        (None, True, "missing"),
        (3, True, "3 partitions instead of 12"),
        (12, False, "no broker serves"),
        (12, True, None),
    ],
)
def test_the_problem_of_a_topic_is_named(found: int | None, led: bool, words: str | None) -> None:
    problem = TopicState(Topic("t", 12), found, 1, led).problem
    assert problem is None if words is None else words in (problem or "")


@pytest.mark.parametrize(
    ("brokers", "set_to", "replicas"), [(1, None, 1), (2, None, 1), (3, None, 3), (9, "2", 2)]
)
def test_three_replicas_with_three_brokers_unless_set(
    brokers: int, set_to: str | None, replicas: int
) -> None:
    found = settings(**({} if set_to is None else {"replication": set_to}))
    assert replication_of(found, brokers) == replicas


def test_a_record_with_three_replicas_is_acknowledged_by_two() -> None:
    topic = Topic("t", 1, compact=True, retention_ms=5)
    assert topic_config(topic, 3) == {
        "cleanup.policy": "compact,delete",
        "retention.ms": "5",
        "min.insync.replicas": "2",
    }
    assert "min.insync.replicas" not in topic_config(topic, 1)


def test_the_command_that_creates_a_topic_is_complete() -> None:
    command = create_command("k1:9092", Topic("feedback.raw", 12, retention_ms=7), 3)
    assert command == (
        "kafka-topics.sh --bootstrap-server k1:9092 --create --topic feedback.raw "
        "--partitions 12 --replication-factor 3 --config cleanup.policy=delete "
        "--config retention.ms=7 --config min.insync.replicas=2"
    )

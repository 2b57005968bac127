"""The topics on the broker: compared with the table, and created if they are missing."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaError,
    NoError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import DEPENDENCY, admin_client
from feedback_app.kafka.topics import Topic, Topics
from feedback_app.settings import ConfigurationError, Settings

VISIBLE_WITHIN_S = 15.0
_REFUSED = (ClusterAuthorizationFailedError, TopicAuthorizationFailedError, PolicyViolationError)


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as required, and its partitions on the broker; `found` is None if it is missing."""

    topic: Topic
    found: int | None
    replicas: int | None = None
    led: bool = True
    """Whether every partition has a leader."""

    @property
    def problem(self) -> str | None:
        """What is wrong, or None."""
        if self.found is None:
            return "missing"
        if self.found != self.topic.partitions:
            return f"{self.found} partitions instead of {self.topic.partitions}"
        return None if self.led else "has partitions that no broker serves"


def expected(settings: Settings, topics: Topics) -> tuple[Topic, ...]:
    """Return all topics that a worker needs: the nine, and Faust's leader-election topic."""
    return (*topics.all(), Topic(f"{settings.app_id}-__assignor-__leader", 1, retention_ms=60_000))


async def survey(settings: Settings, topics: Topics) -> list[TopicState]:
    """Return the state of every topic; raises TransientError if Kafka cannot be reached."""
    async with admin_client(settings) as admin:
        return _compare(expected(settings, topics), await _describe(admin))


async def ensure_topics(settings: Settings, topics: Topics) -> list[str]:
    """Create what is missing and return its names.

    Raises ConfigurationError for a wrong partition count, and for topics that this user may not
    create, with a command that creates them; TransientError if Kafka cannot be reached.
    """
    wanted = expected(settings, topics)
    async with admin_client(settings) as admin:
        states = _compare(wanted, await _describe(admin))
        _stop_on_wrong_counts(states)
        missing = [state.topic for state in states if state.found is None]
        if not missing:
            return []
        replication = replication_of(settings, await _brokers(admin))
        await _create(admin, settings, missing, replication)
        # Another worker may have created them meanwhile, with different settings.
        _stop_on_wrong_counts(await _wait_until_visible(admin, wanted))
        return [topic.name for topic in missing]


def replication_of(settings: Settings, brokers: int) -> int:
    """Return the replication factor of a new topic: as set, else 3 with three brokers, else 1."""
    if settings.replication is not None:
        return settings.replication
    return 3 if brokers >= 3 else 1


def topic_config(topic: Topic, replication: int) -> dict[str, str]:
    """Return the configuration of a new topic."""
    # With one replica in sync, the loss of one broker would lose acknowledged records.
    return topic.config() | ({"min.insync.replicas": "2"} if replication >= 3 else {})


def create_command(bootstrap: str, topic: Topic, replication: int) -> str:
    """Return the command of Kafka's own tools that creates the topic as required."""
    configs = " ".join(
        f"--config {name}={value}" for name, value in topic_config(topic, replication).items()
    )
    return (
        f"kafka-topics.sh --bootstrap-server {bootstrap} --create --topic {topic.name} "
        f"--partitions {topic.partitions} --replication-factor {replication} {configs}"
    )


Found = tuple[int, int, bool]
"""Partitions, replicas, and whether every partition has a leader."""


def _compare(wanted: Iterable[Topic], found: Mapping[str, Found]) -> list[TopicState]:
    return [TopicState(topic, *found.get(topic.name, (None, None, True))) for topic in wanted]


def _stop_on_wrong_counts(states: Sequence[TopicState]) -> None:
    wrong = [state for state in states if state.found not in (None, state.topic.partitions)]
    if not wrong:
        return
    listed = "; ".join(f"{state.topic.name} has {state.problem}" for state in wrong)
    counts = {state.found for state in wrong if state.topic.partitions > 1}
    same = f"set FEEDBACK_PARTITIONS={counts.pop()}, or " if len(counts) == 1 else ""
    raise ConfigurationError(
        f"{listed}: {same}choose another FEEDBACK_TOPIC_PREFIX, or delete these topics "
        "(their records are lost) and run `feedback topics --create`"
    )


async def _describe(admin: AIOKafkaAdminClient) -> dict[str, Found]:
    try:
        listed: list[dict[str, Any]] = await admin.describe_topics()
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(DEPENDENCY, f"Kafka does not list its topics: {error}") from error
    return {
        item["topic"]: (
            len(parts),
            min(len(part["replicas"]) for part in parts),
            all(part["leader"] >= 0 for part in parts),
        )
        for item in listed
        if (parts := item["partitions"])
    }


async def _brokers(admin: AIOKafkaAdminClient) -> int:
    return len((await admin.describe_cluster())["brokers"])


async def _create(
    admin: AIOKafkaAdminClient, settings: Settings, missing: Sequence[Topic], replication: int
) -> None:
    new = [
        NewTopic(
            topic.name,
            topic.partitions,
            replication,
            topic_configs=topic_config(topic, replication),
        )
        for topic in missing
    ]
    try:
        answer = await admin.create_topics(new, timeout_ms=15_000)
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(DEPENDENCY, f"Kafka does not create topics: {error}") from error
    for name, code, *message in answer.topic_errors:
        kind = for_code(code)
        if kind in (NoError, TopicAlreadyExistsError):
            continue
        if kind in _REFUSED:
            commands = " && ".join(
                create_command(settings.kafka_bootstrap or "", topic, replication)
                for topic in missing
            )
            raise ConfigurationError(
                f"{len(missing)} topics are missing ({name} is the first) and this user may not "
                "create them: let one who may run `feedback topics --create` with this "
                f"configuration, or: {commands}"
            )
        if kind is InvalidReplicationFactorError:
            raise ConfigurationError(
                f"{name}: Kafka cannot keep {replication} copies: lower FEEDBACK_REPLICATION or "
                "start more brokers"
            )
        why = message[0] if message and message[0] else kind.__name__
        raise TransientError(DEPENDENCY, f"Kafka does not create {name}: {why}")


async def _wait_until_visible(
    admin: AIOKafkaAdminClient, wanted: Sequence[Topic]
) -> list[TopicState]:
    """Return the states once every topic has leaders, which takes a moment after its creation."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + VISIBLE_WITHIN_S
    while True:
        states = _compare(wanted, await _describe(admin))
        missing = [state.topic.name for state in states if state.found is None or not state.led]
        if not missing:
            return states
        if loop.time() > deadline:
            raise TransientError(
                DEPENDENCY, f"Kafka created {missing[0]}, but no broker serves it yet"
            )
        await asyncio.sleep(0.05)

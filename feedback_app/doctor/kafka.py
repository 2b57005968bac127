"""Kafka and its topics."""

from collections.abc import Iterator, Sequence

from feedback_app.clock import SystemClock
from feedback_app.doctor.check import Check, failed, passed, skipped
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.admin import TopicState, survey
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topics
from feedback_app.settings import ConfigurationError, Settings
from models import OWNER, Cursor, InvalidRecord

KAFKA, TOPICS, PREFIX = "Kafka", "topics", "topic prefix"


async def check_kafka(settings: Settings) -> list[Check]:
    """Look for the broker, the topics and the owner of the prefix."""
    if settings.kafka_bootstrap is None:
        return [
            skipped(
                KAFKA,
                "no address is set and no local broker runs: a worker starts one (for development)",
            )
        ]
    try:
        states = await survey(settings, Topics.of(settings))
    except ConfigurationError as error:
        return [failed(KAFKA, str(error), "fix this setting")]
    except TransientError as error:
        return [
            failed(
                KAFKA,
                str(error),
                "start the broker, or fix FEEDBACK_KAFKA_BOOTSTRAP, FEEDBACK_KAFKA_SECURITY and "
                "the credentials",
            )
        ]
    return [
        passed(KAFKA, f"{settings.kafka_bootstrap} answers"),
        *judge_topics(states),
        await _owner(settings, states),
    ]


def judge_topics(states: Sequence[TopicState]) -> Iterator[Check]:
    """Yield what is wrong with the topics, or that all is well."""
    missing = [state.topic.name for state in states if state.found is None]
    wrong = [state for state in states if state.found is not None and state.problem]
    if missing:
        yield failed(
            TOPICS,
            f"{len(missing)} missing: {', '.join(missing)}",
            "run `feedback topics --create`",
        )
    for state in wrong:
        yield failed(
            TOPICS,
            f"{state.topic.name} has {state.problem}",
            f"set FEEDBACK_PARTITIONS={state.found} if all work topics have as many, or choose "
            "another FEEDBACK_TOPIC_PREFIX",
        )
    if not missing and not wrong:
        yield passed(TOPICS, f"{len(states)} topics, as they should be")


async def _owner(settings: Settings, states: Sequence[TopicState]) -> Check:
    cursors = Topics.of(settings).cursors.name
    if any(state.found is None for state in states if state.topic.name == cursors):
        return skipped(PREFIX, "its owner is known once the topics are there")
    owners: list[str] = []

    def apply(row: Row) -> None:
        if row.key == OWNER.encode() and row.value is not None:
            try:
                owners.append(Cursor.decode(row.value).position)
            except InvalidRecord:
                return

    try:
        reader = TopicReader(settings, SystemClock())
        await reader.read_to_high_watermark(cursors, {0: 0}, None, apply)
    except TransientError as error:
        return skipped(PREFIX, f"its owner cannot be read: {error}")
    if owners and owners[0] != settings.app_id:
        return failed(
            PREFIX,
            f"{settings.topic_prefix!r} belongs to the app id {owners[0]!r}, not to "
            f"{settings.app_id!r}",
            f"set FEEDBACK_APP_ID={owners[0]}, or choose another FEEDBACK_TOPIC_PREFIX",
        )
    return passed(PREFIX, f"{settings.topic_prefix!r} is free for {settings.app_id!r}")

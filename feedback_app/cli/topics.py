"""`feedback topics`: which topics the broker has, and which are missing."""

import click

from feedback_app.cli.common import (
    CheckFailed,
    Command,
    kafka_settings,
    print_json,
    print_table,
    run,
)
from feedback_app.kafka.admin import TopicState, ensure_topics, survey
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings

EXAMPLE = "\b\nExample:\n  feedback topics\n  feedback topics --create"


@click.command(cls=Command, epilog=EXAMPLE)
@click.option("--create", is_flag=True, help="Create what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def topics(create: bool, as_json: bool) -> None:
    """Show the topics, or create those that are missing.

    Ends with status 1 if one is missing or has the wrong partition count.
    """
    settings = kafka_settings()
    states, created = run(_survey(settings, create))
    if as_json:
        print_json([_as_dict(state) for state in states])
    else:
        print_table(
            ("topic", "partitions", "copies", "state"),
            (
                (
                    state.topic.name,
                    state.found,
                    state.replicas,
                    "created" if state.topic.name in created else state.problem or "ok",
                )
                for state in states
            ),
        )
    failed = [state for state in states if state.problem]
    if any(state.found is None for state in failed):
        raise CheckFailed(f"{len(failed)} topics are missing: run `feedback topics --create`")
    if failed:
        listed = "; ".join(f"{state.topic.name}: {state.problem}" for state in failed)
        raise CheckFailed(
            f"{listed}. For a wrong count set FEEDBACK_PARTITIONS to what is there, or choose "
            "another FEEDBACK_TOPIC_PREFIX"
        )


async def _survey(settings: Settings, create: bool) -> tuple[list[TopicState], list[str]]:
    topics = Topics.of(settings)
    created = await ensure_topics(settings, topics) if create else []
    return await survey(settings, topics), created


def _as_dict(state: TopicState) -> dict[str, object]:
    return {
        "topic": state.topic.name,
        "partitions": state.found,
        "expected_partitions": state.topic.partitions,
        "replication": state.replicas,
        "problem": state.problem,
    }

"""`feedback dead-letters`: lists, shows, retries and drops failed records."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError

from feedback_app.cli.common import (
    CheckFailed,
    Group,
    print_json,
    print_table,
    run,
    settings_with_topics,
    shown,
)
from feedback_app.cli.deleted import deleted_of
from feedback_app.cli.letters import Letter, carries_text, chosen, feedback_id, read_letters
from feedback_app.cli.write import action, write_actions
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import DEPENDENCY, producer
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.stats.actions import DROP, RETRY

F = TypeVar("F", bound=Callable[..., Any])
STAGES = ("polls", "slack", "x-stream", "sentiment", "alerts", "delivery")
"""The stages, and the sources that send malformed input to the dead-letter queue."""
DELETED = "(deleted at its source, so its text is not shown)"
EXAMPLE = (
    "\b\nExample:\n"
    "  feedback dead-letters list --stage sentiment\n"
    "  feedback dead-letters show 17\n"
    "  feedback dead-letters retry --reason is_archived"
)


def _filters(command: F) -> F:
    stage = click.option("--stage", help=f"Only those of this stage: {', '.join(STAGES)}.")
    reason = click.option("--reason", help="Only those whose reason or error contains this text.")
    return stage(reason(command))


@click.group(cls=Group, epilog=EXAMPLE)
def dead_letters() -> None:
    """List, show, retry or drop records that a stage could not process."""


@dead_letters.command("list", epilog="\b\nExample:\n  feedback dead-letters list --stage sentiment")
@_filters
@click.option("--all", "everything", is_flag=True, help="Include those retried or dropped.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_letters(stage: str | None, reason: str | None, everything: bool, as_json: bool) -> None:
    """List the dead letters that were neither retried nor dropped, oldest first."""
    letters = run(read_letters(settings_with_topics()))
    _check_stage(stage, letters)
    letters = chosen(letters, (), stage, reason)
    if not everything:
        letters = [letter for letter in letters if letter.state == "waiting"]
    if as_json:
        print_json([_summary(letter) for letter in letters])
    elif letters:
        print_table(
            ("number", "failed at", "stage", "record", "error", "reason", "state"),
            (
                (
                    letter.number,
                    letter.content.failed_at,
                    letter.content.stage,
                    _record(letter),
                    letter.content.error,
                    letter.content.reason,
                    letter.state,
                )
                for letter in letters
            ),
        )
    else:
        click.echo("No dead letters.")


@dead_letters.command(epilog="\b\nExample:\n  feedback dead-letters show 17")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def show(number: int, as_json: bool) -> None:
    """Show one dead letter, with the bytes of its record as text."""
    settings = settings_with_topics()
    letter = _find(run(read_letters(settings)), number)
    value = run(_text(settings, letter))
    found = _summary(letter) | {
        "key": _decoded(letter.content.key_bytes()),
        "value": value,
        "length": letter.content.length,
        "sha256": letter.content.sha256,
    }
    if as_json:
        print_json(found)
        return
    for name, cell in found.items():
        # The value is safe for a terminal already, and keeps its line breaks.
        click.echo(f"{name + ':':<12}{cell if name == 'value' and cell else shown(cell)}")


@dead_letters.command(epilog="\b\nExample:\n  feedback dead-letters retry 17 18")
@click.argument("numbers", type=int, nargs=-1)
@_filters
def retry(numbers: tuple[int, ...], stage: str | None, reason: str | None) -> None:
    """Send records again to the topic they came from, for the stage that failed.

    Select them by NUMBERS, or by filters among those still waiting. They remain on `list --all`.
    """
    settings = settings_with_topics()
    letters = _selection(settings, numbers, stage, reason)
    deleted = run(_deleted(settings, letters))
    refusals = {letter.number: _refusal(letter, deleted) for letter in letters}
    ready = [letter for letter in letters if refusals[letter.number] is None]
    run(_retry(settings, ready))
    click.echo(f"Sent {len(ready)} of {len(letters)} again.")
    for letter in letters:
        if refusal := refusals[letter.number]:
            click.echo(f"{letter.number}: {refusal}", err=True)
    if len(ready) < len(letters):
        raise CheckFailed(f"{len(letters) - len(ready)} cannot be sent again")


@dead_letters.command(epilog="\b\nExample:\n  feedback dead-letters drop --stage sentiment")
@click.argument("numbers", type=int, nargs=-1)
@_filters
def drop(numbers: tuple[int, ...], stage: str | None, reason: str | None) -> None:
    """Remove dead letters from the list, by NUMBERS or by filters among those still waiting."""
    settings = settings_with_topics()
    letters = _selection(settings, numbers, stage, reason)
    actions = [action(DROP, letter.target) for letter in letters]
    run(write_actions(settings, Topics.of(settings).actions.name, actions))
    click.echo(f"Dropped {len(letters)}.")


def _selection(
    settings: Settings, numbers: Sequence[int], stage: str | None, reason: str | None
) -> list[Letter]:
    if not numbers and stage is None and reason is None:
        raise click.UsageError("give numbers, --stage or --reason")
    letters = run(read_letters(settings))
    _check_stage(stage, letters)
    for number in numbers:
        _find(letters, number)
    found = chosen(letters, numbers, stage, reason)
    return found if numbers else [letter for letter in found if letter.state == "waiting"]


def _check_stage(stage: str | None, letters: Sequence[Letter]) -> None:
    """Raise UsageError for an unknown stage; names found in dead letters count as known."""
    known = dict.fromkeys((*STAGES, *sorted(letter.content.stage for letter in letters)))
    if stage is not None and stage not in known:
        raise click.UsageError(f"there is no stage {stage!r}: one of {', '.join(known)}")


def _find(letters: Sequence[Letter], number: int) -> Letter:
    for letter in letters:
        if letter.number == number:
            return letter
    raise click.UsageError(f"there is no dead letter {number}")


async def _retry(settings: Settings, letters: Sequence[Letter]) -> None:
    """Send the records, then record the action: a duplicate is possible, and deduplicated."""
    async with producer(settings) as client:
        try:
            for letter in letters:
                content = letter.content
                await client.send_and_wait(
                    content.topic,
                    value=content.value_bytes(),
                    key=content.key_bytes(),
                    partition=content.partition,
                )
        except (KafkaError, TimeoutError) as error:
            raise TransientError(DEPENDENCY, f"cannot write to Kafka: {error}") from error
    actions = [action(RETRY, letter.target) for letter in letters]
    await write_actions(settings, Topics.of(settings).actions.name, actions)


async def _text(settings: Settings, letter: Letter) -> str | None:
    """Return the record's value as text, or a placeholder if its message was deleted."""
    content, topics = letter.content, Topics.of(settings)
    # Only these two are partitioned like `scored`; alerts are partitioned by channel.
    by_id = content.topic in (topics.raw.name, topics.scored.name)
    identity = feedback_id(content)
    if identity is not None and await deleted_of(
        settings, [identity], content.partition if by_id else None
    ):
        return DELETED
    return _decoded(content.value_bytes())


def _decoded(data: bytes | None) -> str | None:
    if data is None:
        return None
    text = data.decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text
    )


def _record(letter: Letter) -> str:
    content = letter.content
    return (
        content.topic
        if content.offset < 0
        else f"{content.topic}/{content.partition}/{content.offset}"
    )


async def _deleted(settings: Settings, letters: Sequence[Letter]) -> set[str]:
    """Return the ids of the letters that carry a text which was deleted at its source."""
    ids = (feedback_id(letter.content) for letter in letters if carries_text(letter.content))
    return await deleted_of(settings, (id for id in ids if id is not None))


def _refusal(letter: Letter, deleted: set[str]) -> str | None:
    """Return why a dead letter cannot be retried, or None."""
    content = letter.content
    if content.offset < 0:
        return "it never was a Kafka record: only its source can send it again"
    if not content.whole:
        return f"only the first part of its {content.length} bytes was kept"
    # The stages remember a deletion for a limited time; after that they would post the text.
    if carries_text(content) and feedback_id(content) in deleted:
        return "its message was deleted at its source: drop it"
    return None


def _summary(letter: Letter) -> dict[str, Any]:
    content = letter.content
    return {
        "number": letter.number,
        "state": letter.state,
        "stage": content.stage,
        "topic": content.topic,
        "partition": content.partition,
        "offset": content.offset,
        "error": content.error,
        "reason": content.reason,
        "attempts": content.attempts,
        "failed_at": content.failed_at,
        "retriable": letter.retriable,
        "age_s": round(time.time() - letter.written_at),
    }

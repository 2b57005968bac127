"""`feedback dead-letters`: records that no stage could work on, to look at, retry or drop."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError

from feedback_app.cli.common import CheckFailed, Group, kafka_settings, print_json, print_table, run
from feedback_app.cli.deleted import is_deleted
from feedback_app.cli.letters import Letter, chosen, feedback_id, read_letters
from feedback_app.cli.write import action, write_actions
from feedback_app.hop.errors import OutsideFault
from feedback_app.kafka import PARTY, producer
from feedback_app.letters import DROP, RETRY
from feedback_app.settings import Settings
from feedback_app.topics import Topics

F = TypeVar("F", bound=Callable[..., Any])
GONE = "(deleted at its source, so its text is not shown)"
EXAMPLE = (
    "\b\nExample:\n"
    "  feedback dead-letters list --stage sentiment\n"
    "  feedback dead-letters show 17\n"
    "  feedback dead-letters retry --reason is_archived"
)


def _filters(command: F) -> F:
    stage = click.option("--stage", help="Only those of this stage (sentiment, delivery, …).")
    reason = click.option("--reason", help="Only those with these words in their reason.")
    return stage(reason(command))


@click.group(cls=Group, epilog=EXAMPLE)
def dead_letters() -> None:
    """Look at records that no stage could work on, retry them, or drop them."""


@dead_letters.command("list", epilog="\b\nExample:\n  feedback dead-letters list --stage sentiment")
@_filters
@click.option("--all", "everything", is_flag=True, help="Also those retried or dropped.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_letters(stage: str | None, reason: str | None, everything: bool, as_json: bool) -> None:
    """List the dead letters that wait for a decision, oldest first."""
    letters = chosen(run(read_letters(kafka_settings())), (), stage, reason)
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
    """Show one dead letter with the record's bytes as text."""
    settings = kafka_settings()
    letter = _one(run(read_letters(settings)), number)
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
        click.echo(f"{name + ':':<12}{'–' if cell is None else cell}")


@dead_letters.command(epilog="\b\nExample:\n  feedback dead-letters retry 17 18")
@click.argument("numbers", type=int, nargs=-1)
@_filters
def retry(numbers: tuple[int, ...], stage: str | None, reason: str | None) -> None:
    """Send records again to the topic that they came from, through the stage that failed.

    Takes NUMBERS, or those that wait and meet the filters. The numbers stay on `list --all`.
    """
    settings = kafka_settings()
    letters = _selection(settings, numbers, stage, reason)
    ready = [letter for letter in letters if letter.retriable]
    run(_retry(settings, ready))
    click.echo(f"Sent {len(ready)} of {len(letters)} again.")
    for letter in letters:
        if letter not in ready:
            click.echo(f"{letter.number}: {_why_not(letter)}", err=True)
    if len(ready) < len(letters):
        raise CheckFailed(f"{len(letters) - len(ready)} cannot be sent again")


@dead_letters.command(epilog="\b\nExample:\n  feedback dead-letters drop --stage sentiment")
@click.argument("numbers", type=int, nargs=-1)
@_filters
def drop(numbers: tuple[int, ...], stage: str | None, reason: str | None) -> None:
    """Take dead letters off the list: by NUMBERS, or those that wait and meet the filters."""
    settings = kafka_settings()
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
    for number in numbers:
        _one(letters, number)
    found = chosen(letters, numbers, stage, reason)
    return found if numbers else [letter for letter in found if letter.state == "waiting"]


def _one(letters: Sequence[Letter], number: int) -> Letter:
    for letter in letters:
        if letter.number == number:
            return letter
    raise click.UsageError(f"there is no dead letter {number}")


async def _retry(settings: Settings, letters: Sequence[Letter]) -> None:
    """Send the records first, then note it: at worst one is sent twice, which the stages know."""
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
            raise OutsideFault(PARTY, f"cannot write to Kafka: {error}") from error
    actions = [action(RETRY, letter.target) for letter in letters]
    await write_actions(settings, Topics.of(settings).actions.name, actions)


async def _text(settings: Settings, letter: Letter) -> str | None:
    """Return the record's value as text, but not that of a message which its author deleted."""
    content, topics = letter.content, Topics.of(settings)
    # Only these two share their partition numbers with `scored`: alerts are spread by channel.
    by_id = content.topic in (topics.raw.name, topics.scored.name)
    identity = feedback_id(content)
    if identity is not None and await is_deleted(
        settings, identity, content.partition if by_id else None
    ):
        return GONE
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


def _why_not(letter: Letter) -> str:
    if letter.content.offset < 0:
        return "it never was a Kafka record: only its source can give it again"
    return f"only the first part of its {letter.content.length} bytes was kept"


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

"""What the commands share: settings, exit codes, tables, JSON."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from feedback_app.cli.local import with_local_broker
from feedback_app.configuration import load
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError, Settings

T = TypeVar("T")

WIDE = 200
"""Columns of a table that goes into a file or pipe, where nothing wraps for a screen's sake."""


class CheckFailed(click.ClickException):
    """A check failed or the outside does not answer: one line, exit status 1."""

    exit_code = 1


class CannotStart(click.ClickException):
    """The configuration cannot work: one line, exit status 2."""

    exit_code = 2


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn our exceptions into one line on stderr and an exit status."""
    try:
        yield
    except ConfigurationError as error:
        raise CannotStart(str(error)) from None
    except TransientError as error:
        raise CheckFailed(str(error)) from None


class Command(click.Command):
    """A command whose failures are one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with clear_failures():
            return super().invoke(ctx)


class OutputFile(click.Path):
    """An option's file that is written at the end, so that it is refused before the work."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fails where no file can be made there."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"there is no folder {path.parent}: make it first", param, ctx)
        if not os.access(path.parent, os.W_OK):
            self.fail(f"the folder {path.parent} may not be written to", param, ctx)
        return path


class Group(click.Group):
    """A group whose commands' failures are one line and an exit status."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the group."""
        with clear_failures():
            return super().invoke(ctx)


def kafka_settings() -> Settings:
    """Return the settings, with the address of the local broker where none is set.

    Raises ConfigurationError where neither is there.
    """
    settings = with_local_broker(load())
    if settings.kafka_bootstrap is None:
        raise ConfigurationError(
            "no Kafka: set FEEDBACK_KAFKA_BOOTSTRAP=host:port, or start one on this machine with "
            "`feedback broker` or `feedback worker`"
        )
    return settings


def settings_with_topics() -> Settings:
    """Return the settings of `kafka_settings`, once the topics were seen to be as they should be.

    Raises ConfigurationError where one is missing, which the client library would wait for, or has
    another partition count; OutsideFault where Kafka cannot be reached.
    """
    # Brings the admin client, which not every command needs.
    from feedback_app.kafka.admin import survey
    from feedback_app.kafka.topics import Topics

    settings = kafka_settings()
    topics = Topics.of(settings)
    names = {topic.name for topic in topics.all()}
    for state in run(survey(settings, topics)):
        if state.topic.name not in names:
            continue
        if state.found is None:
            raise ConfigurationError(
                f"Kafka has no topic {state.topic.name}: mend FEEDBACK_TOPIC_PREFIX, or run "
                "`feedback topics --create`"
            )
        if state.found != state.topic.partitions:
            raise ConfigurationError(
                f"{state.topic.name} has {state.problem}: set FEEDBACK_PARTITIONS as the workers "
                "have it"
            )
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)


def out() -> Console:
    """Return the console of stdout: colour only on a terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)


def err() -> Console:
    """Return the console of stderr, where progress and remarks go."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print rows as a table; text from outside is never read as markup."""
    from rich.text import Text

    table = Table(*columns, title=title or None, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    out().print(table)


def shown(value: object) -> str:
    """Return a cell's text, one line, without control characters that would drive a terminal."""
    if value is None:
        return "–"
    text = str(value)
    return "".join(char if char.isprintable() else " " for char in text)


def progress(unit: str) -> Progress:
    """Return a progress bar on stderr, silent where stderr is no terminal.

    `unit` is what is counted, or `bytes`.
    """
    console = err()
    counted = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        counted,
        TextColumn("" if unit == "bytes" else unit),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )

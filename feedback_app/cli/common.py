"""Shared by all commands: settings, exit codes, tables, JSON."""

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
from feedback_app.hop.errors import TransientError
from feedback_app.load_settings import load
from feedback_app.settings import ConfigurationError, Settings

T = TypeVar("T")

WIDE = 200
"""Width of a table that is written to a file or pipe, where nothing should wrap."""


class CheckFailed(click.ClickException):
    """A check failed or a dependency does not answer: one line, exit status 1."""

    exit_code = 1


class CannotStart(click.ClickException):
    """The configuration is invalid: one line, exit status 2."""

    exit_code = 2


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn the app's exceptions into one line on stderr and an exit status."""
    try:
        yield
    except ConfigurationError as error:
        raise CannotStart(str(error)) from None
    except TransientError as error:
        raise CheckFailed(str(error)) from None


class Command(click.Command):
    """A command that fails with one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with clear_failures():
            return super().invoke(ctx)


class OutputFile(click.Path):
    """An output file; checked before the work starts, because it is written at the end."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fails if no file can be created there."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"there is no folder {path.parent}: create it first", param, ctx)
        if not os.access(path.parent, os.W_OK):
            self.fail(f"the folder {path.parent} is not writable", param, ctx)
        return path


class Group(click.Group):
    """A group whose commands fail with one line and an exit status."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the group."""
        with clear_failures():
            return super().invoke(ctx)


def kafka_settings() -> Settings:
    """Return the settings, with the address of the local broker if none is set.

    Raises ConfigurationError if there is neither.
    """
    settings = with_local_broker(load())
    if settings.kafka_bootstrap is None:
        raise ConfigurationError(
            "no Kafka: set FEEDBACK_KAFKA_BOOTSTRAP=host:port, or start one on this machine with "
            "`feedback broker` or `feedback worker`"
        )
    return settings


def settings_with_topics() -> Settings:
    """Return `kafka_settings()` after checking that all topics exist with the right partitions.

    Raises ConfigurationError if a topic is missing (the client library would wait for it) or has
    another partition count, TransientError if Kafka cannot be reached.
    """
    # Imports the admin client, which not every command needs.
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
                f"Kafka has no topic {state.topic.name}: correct FEEDBACK_TOPIC_PREFIX, or run "
                "`feedback topics --create`"
            )
        if state.found != state.topic.partitions:
            raise ConfigurationError(
                f"{state.topic.name} has {state.problem}: set FEEDBACK_PARTITIONS as the workers "
                "have it"
            )
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to completion."""
    return asyncio.run(work)


def out() -> Console:
    """Return the console for stdout, with colour only on a terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)


def err() -> Console:
    """Return the console for stderr, for progress and remarks."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print rows as a table; cell text is never interpreted as markup."""
    from rich.text import Text

    table = Table(*columns, title=title or None, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    out().print(table)


def shown(value: object) -> str:
    """Return a cell's text on one line, without control characters that affect a terminal."""
    if value is None:
        return "–"
    text = str(value)
    return "".join(char if char.isprintable() else " " for char in text)


def progress(unit: str) -> Progress:
    """Return a progress bar on stderr, disabled if stderr is not a terminal.

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

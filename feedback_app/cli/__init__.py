"""The command line: commands that are imported only when they run.

`feedback …` and `faust -A feedback_app …` are the same program: `register` adds our commands to
Faust's group, and `feedback_app.__main__` passes Faust's own commands to that group.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import click


class Entry(NamedTuple):
    """One of our commands: the path of its click object, and its one-line help."""

    path: str
    short_help: str


COMMANDS = {
    "demo": Entry("demo:demo", "Run everything at once, against a sandbox X and Slack."),
    "score": Entry("score:score", "Score texts, without Kafka or Slack."),
    "broker": Entry("broker:broker", "Run a local Apache Kafka in the foreground."),
    "doctor": Entry("doctor:doctor", "Check the set-up and say how to fix it."),
    "topics": Entry("topics:topics", "Show or create the topics."),
    "sources": Entry("sources:sources", "List, pause and resume sources."),
    "say": Entry("say:say", "Post feedback into a Slack channel."),
    "load": Entry("load:load", "Send a CSV or JSON-lines file into the pipeline."),
    "dead-letters": Entry("dead_letters:dead_letters", "List, show, retry or drop failed records."),
    "replay": Entry("replay:replay", "Show what would have alerted, from retained records."),
    "rescore": Entry("rescore:rescore", "Show what another model would change."),
}

FAUST_COMMANDS = {
    "worker": "Run the pipeline (start with `feedback worker -l info`).",
    "agents": "List the agents.",
    "clean-versions": "Delete old version directories.",
    "completion": "Print shell completion.",
    "livecheck": "Manage LiveCheck instances.",
    "model": "Show the fields of a record.",
    "models": "List the records.",
    "reset": "Delete local table state.",
    "send": "Send a message to a topic.",
    "tables": "List the tables.",
}


FAUST_EXAMPLES = {
    "worker": "feedback worker -l info",
    "agents": "feedback agents",
    "clean-versions": "feedback clean-versions",
    "completion": "feedback completion",
    "livecheck": "feedback livecheck",
    "model": "feedback model Feedback",
    "models": "feedback models",
    "reset": "feedback reset",
    "send": """feedback send feedback.raw '{"text": "The lid sticks."}' --key lid-1""",
    "tables": "feedback tables",
}


class LazyCommand(click.Command):
    """A placeholder for a command until it runs, so that `--help` imports nothing."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, short_help=entry.short_help)
        self._path = entry.path

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Import the real command and return its context, which click then invokes."""
        module, _, attribute = self._path.partition(":")
        command = getattr(import_module(f"feedback_app.cli.{module}"), attribute)
        context: click.Context = command.make_context(info_name, args, parent, **extra)
        return context


class Program(click.Group):
    """The group behind `feedback`: our commands first, in the order a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of our commands, unsorted."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write our commands, then Faust's, without importing Faust."""
        with formatter.section("Commands"):
            formatter.write_dl([("worker", FAUST_COMMANDS["worker"]), *_rows()])
        with formatter.section("Commands of Faust"):
            formatter.write_dl([row for row in FAUST_COMMANDS.items() if row[0] != "worker"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest similar names for a command that does not exist."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            if close := get_close_matches(args[0], [*self.commands, *FAUST_COMMANDS]):
                error.message += f" Did you mean {' or '.join(close)}?"
            raise


def _rows() -> Sequence[tuple[str, str]]:
    return [(name, entry.short_help) for name, entry in COMMANDS.items()]


def lazy_commands() -> list[click.Command]:
    """Return our commands without importing them."""
    return [LazyCommand(name, entry) for name, entry in COMMANDS.items()]


def register() -> None:
    """Add our commands to Faust's group, and an example to each of Faust's. Idempotent."""
    from faust.cli.faust import cli

    for command in lazy_commands():
        cli.add_command(command)
    for name, example in FAUST_EXAMPLES.items():
        cli.commands[name].epilog = f"\b\nExample:\n  {example}"


def program() -> Program:
    """Return the group of our commands."""
    group = Program(
        "feedback",
        help="Score what people say on X and Slack as they say it, and post the best and the worst "
        "to Slack.\n\n\b\nStart here:\n  feedback demo\n  feedback worker -l info",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
    )
    for command in lazy_commands():
        group.add_command(command)
    return click.version_option(package_name="feedback-monitor")(group)

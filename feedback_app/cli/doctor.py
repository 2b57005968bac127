"""`feedback doctor`: finds what is wrong with the set-up and says how to fix it."""

import click
from rich.text import Text

from feedback_app.cli.common import CheckFailed, Command, print_json, print_table, run, shown
from feedback_app.cli.local import with_local_broker
from feedback_app.clock import SystemClock
from feedback_app.doctor.check import Check, failed
from feedback_app.load_settings import load
from feedback_app.settings import ConfigurationError

EXAMPLE = "\b\nExample:\n  feedback doctor\n  feedback doctor --live"
MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("–", "dim")}


@click.command(cls=Command, epilog=EXAMPLE)
@click.option(
    "--live", is_flag=True, help="Also post a test message to Slack, read it back and delete it."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(live: bool, as_json: bool) -> None:
    """Check configuration, Kafka, topics, tokens, scopes, channels and model.

    Says how to fix each problem; the exit status is 1 if there is any.
    """
    checks = _run_checks(live)
    if as_json:
        print_json(
            {"ok": not _count_failed(checks), "checks": [check._asdict() for check in checks]}
        )
    else:
        print_table(("", "check", "found", "how to fix it"), map(_row, checks))
    if count := _count_failed(checks):
        raise CheckFailed(f"{count} of {len(checks)} checks failed")


def _run_checks(live: bool) -> list[Check]:
    try:
        settings = load()
    except ConfigurationError as error:
        return [
            failed("configuration", str(error), "correct this setting; the other checks need it")
        ]
    # Imports the clients of X, Slack and Kafka and the model, which `--help` does not need.
    from feedback_app.doctor.examine import examine

    return run(examine(with_local_broker(settings), SystemClock(), live=live))


def _count_failed(checks: list[Check]) -> int:
    return sum(check.ok is False for check in checks)


def _row(check: Check) -> tuple[object, ...]:
    mark, style = MARKS[check.ok]
    return Text(mark, style=style), check.name, shown(check.detail), check.remedy

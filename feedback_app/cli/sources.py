"""`feedback sources`: what feeds the pipeline, stopped and started on the whole cluster."""

import time

import click

from feedback_app.cli.common import Group, print_json, print_table, run, settings_with_topics
from feedback_app.cli.read import newest_actions, read_whole
from feedback_app.cli.write import action, write_actions
from feedback_app.hop.types import Row
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import InvalidRecord, WorkerStatus, from_rfc3339
from models.action import PAUSE, RESUME

ALIVE_S = 15.0
EXAMPLE = "\b\nExample:\n  feedback sources\n  feedback sources pause x"


@click.group(cls=Group, invoke_without_command=True, epilog=EXAMPLE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_context
def sources(ctx: click.Context, as_json: bool) -> None:
    """List the sources, or pause and resume one on every worker."""
    if ctx.invoked_subcommand is None:
        _list(as_json)


@sources.command("list", epilog="\b\nExample:\n  feedback sources list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_sources(as_json: bool) -> None:
    """List the sources and their states."""
    _list(as_json)


@sources.command(epilog="\b\nExample:\n  feedback sources pause x")
@click.argument("source_id", metavar="ID")
def pause(source_id: str) -> None:
    """Stop a source on every worker until it is resumed; restarts do not start it."""
    _decide(source_id, PAUSE, "is paused on every worker until `feedback sources resume`")


@sources.command(epilog="\b\nExample:\n  feedback sources resume x")
@click.argument("source_id", metavar="ID")
def resume(source_id: str) -> None:
    """Start a paused source again, from where it was."""
    _decide(source_id, RESUME, "runs again")


def _list(as_json: bool) -> None:
    settings = settings_with_topics()
    rows = run(_states(settings))
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("source", "type", "state", "last message", "detail"),
            ((r["id"], r["type"], r["state"], r["last_message_at"], r["detail"]) for r in rows),
        )
    else:
        click.echo(
            "No sources: set FEEDBACK_X_QUERY or FEEDBACK_SLACK_CHANNELS, or name some in the file "
            "of FEEDBACK_CONFIG."
        )


def _decide(source_id: str, kind: str, outcome: str) -> None:
    settings = settings_with_topics()
    known = [source.id for source in settings.sources]
    if source_id not in known:
        listed = f"one of {', '.join(known)}" if known else "none is configured"
        raise click.UsageError(f"there is no source {source_id!r}: {listed}")
    topic = Topics.of(settings).actions.name
    run(write_actions(settings, topic, [action(kind, source_id)]))
    click.echo(f"{source_id} {outcome}.")


async def _states(settings: Settings) -> list[dict[str, str | None]]:
    """Return each source with the state that a worker reported last, or `paused`."""
    topics = Topics.of(settings)
    actions = await newest_actions(settings, topics.actions.name)
    workers: dict[str, WorkerStatus] = {}

    def add_status(row: Row) -> None:
        if row.value is None or not (row.key or b"").startswith(b"worker|"):
            return
        try:
            status = WorkerStatus.decode(row.value)
        except InvalidRecord:
            return
        workers[status.id] = status

    await read_whole(settings, topics.stats.name, add_status)
    reported = _reported(list(workers.values()), time.time())
    rows: list[dict[str, str | None]] = []
    for source in settings.sources:
        newest = actions.get(source.id)
        state = dict(reported.get(source.id, {}))
        if newest is not None and newest.type == PAUSE:
            state |= {"state": "paused", "detail": f"by {newest.actor} at {newest.at}"}
        rows.append(
            {
                "id": source.id,
                "type": source.type,
                "state": state.get("state") or "not running",
                "last_message_at": state.get("last_message_at"),
                "detail": state.get("detail"),
            }
        )
    return rows


def _reported(workers: list[WorkerStatus], now: float) -> dict[str, dict[str, str | None]]:
    """Return {source id: its state}, as the live worker with the newest status reports it."""
    states: dict[str, dict[str, str | None]] = {}
    for status in sorted(workers, key=lambda status: status.at):
        if not status.stopped and now - from_rfc3339(status.at) < ALIVE_S:
            states |= status.sources
    return states

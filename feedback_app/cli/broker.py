"""`feedback broker`: runs Apache Kafka on this machine, in the foreground."""

import asyncio
import signal
from pathlib import Path

import click

from feedback_app.broker import LocalKafka, Node
from feedback_app.broker.fetch import kafka_jars
from feedback_app.broker.local import DEFAULT_PORTS, RETENTION_BYTES
from feedback_app.broker.sharing import announced
from feedback_app.cli.common import Command
from feedback_app.load_settings import load

EXAMPLE = (
    "\b\nExample:\n  feedback broker\n  feedback broker --nodes 3 --data /tmp/kafka\n\n"
    "Workers on this machine with the same data directory find it automatically; others need its "
    "address in FEEDBACK_KAFKA_BOOTSTRAP."
)


@click.command(cls=Command, epilog=EXAMPLE)
@click.option(
    "--nodes",
    type=click.IntRange(1, 9),
    default=1,
    show_default=True,
    help="Nodes of the cluster; 3 survive the loss of one.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory that keeps the data between runs; default: FEEDBACK_DATA_DIR (`data`).",
)
def broker(nodes: int, data: Path | None) -> None:
    """Run Apache Kafka in the foreground until Ctrl-C, and print its address.

    The first run downloads it once (45 MB). It listens on this machine only, without a password:
    it is for development, not for production.
    """
    folder = data or load().data_dir
    # Not on the event loop, so that Ctrl-C stops a slow download.
    kafka_jars()
    asyncio.run(_serve(folder, nodes))


async def _serve(data: Path, nodes: int) -> None:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    click.echo(f"Starting Apache Kafka, {_count(nodes)} …", err=True)
    try:
        async with LocalKafka(
            data, nodes, ports=DEFAULT_PORTS[:nodes], retention_bytes=RETENTION_BYTES
        ) as kafka:
            with announced(kafka):
                click.echo(f"Apache Kafka is at {kafka.bootstrap}")
                click.echo(f"  data      {kafka.data}")
                for node in kafka.nodes:
                    click.echo(f"  log       {node.log}")
                click.echo(f"  use it    export FEEDBACK_KAFKA_BOOTSTRAP={kafka.bootstrap}")
                click.echo("Ctrl-C stops it; the data is kept.")
                await kafka.keep_running(lambda: True, _report_restart)
    except asyncio.CancelledError:
        click.echo("Apache Kafka has stopped.", err=True)


def _count(nodes: int) -> str:
    return "one node" if nodes == 1 else f"{nodes} nodes"


def _report_restart(node: Node) -> None:
    click.echo(f"Node {node.id} has ended by itself and is started again ({node.log}).", err=True)

"""The keeper process: runs a shared broker while it has users, see `sharing`."""

import asyncio
import signal
import sys
from pathlib import Path

from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.layout import Layout
from feedback_app.broker.local import DEFAULT_PORTS, RETENTION_BYTES, LocalKafka
from feedback_app.broker.locks import FileLock
from feedback_app.broker.node import Node
from feedback_app.broker.sharing import announced


async def keep(data: Path) -> None:
    """Run a broker on `data` until it has no users or SIGTERM arrives."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    users = FileLock(Layout(data).users_lock)

    def has_users() -> bool:
        return not stop.is_set() and not users.try_exclusive()

    async with LocalKafka(data, ports=DEFAULT_PORTS, retention_bytes=RETENTION_BYTES) as kafka:
        with announced(kafka, stops_with_users=True):
            await kafka.keep_running(has_users, _report_restart)
    # Held during shutdown, so that new users wait and then start a new keeper.
    users.release()


def _report_restart(node: Node) -> None:
    print(f"node {node.id} exited unexpectedly and is being restarted: {node.log}", flush=True)


def main() -> None:
    """Run as `python -m feedback_app.broker.keeper DATA`."""
    try:
        asyncio.run(keep(Path(sys.argv[1])))
    except BrokerUnavailable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""`python -m feedback_app.sandbox`: the sandbox as a separate process."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import orjson

from feedback_app.sandbox.faults import NAMES, parse
from feedback_app.sandbox.player import DEMO, Player, load
from feedback_app.sandbox.server import Sandbox


def arguments(argv: list[str]) -> argparse.Namespace:
    """Parse the command line; exits with status 2 on an invalid option."""
    parser = argparse.ArgumentParser(
        prog="python -m feedback_app.sandbox",
        description="Stand-ins for the X API and Slack on one loopback port. "
        "The first line of output is a JSON object with its addresses.",
        epilog="example: python -m feedback_app.sandbox --port 6070 --faults 429,slow --input",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, picks a free port")
    parser.add_argument("--log", type=Path, help="append everything received and sent to this file")
    parser.add_argument("--faults", default="", help=f"comma-separated: {', '.join(NAMES)}, or all")
    parser.add_argument("--seed", type=int, default=0, help="seed of all randomness")
    parser.add_argument(
        "--posts-per-second",
        type=float,
        default=1.0,
        help="rate limit of a Slack channel for the app; 0 means unlimited",
    )
    parser.add_argument(
        "--input",
        type=Path,
        nargs="?",
        const=DEMO,
        help="play this JSON-lines file; without a name, the demo's",
    )
    parser.add_argument("--via", choices=("x", "slack", "mixed"), default="mixed")
    parser.add_argument("--rate", type=float, help="items per second; default: as fast as possible")
    options = parser.parse_args(argv)
    try:
        options.faults = parse(name for name in options.faults.split(",") if name)
        options.items = load(options.input) if options.input else []
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return options


async def serve(options: argparse.Namespace) -> None:
    """Run the sandbox until SIGINT or SIGTERM."""
    sandbox = Sandbox(
        port=options.port,
        posts_per_second=options.posts_per_second or None,
        faults=options.faults,
        seed=options.seed,
        log_path=options.log,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, ended.set)
    await sandbox.start()
    addresses = {"url": sandbox.url, "x_url": sandbox.x_url, "slack_url": sandbox.slack_url}
    sys.stdout.write(orjson.dumps(addresses).decode() + "\n")
    sys.stdout.flush()
    player = Player(sandbox, options.items, via=options.via, rate=options.rate)
    playing = asyncio.create_task(player.run())
    await ended.wait()
    playing.cancel()
    await sandbox.stop()


if __name__ == "__main__":
    try:
        asyncio.run(serve(arguments(sys.argv[1:])))
    except OSError as error:
        sys.exit(f"cannot listen: {error.strerror}")

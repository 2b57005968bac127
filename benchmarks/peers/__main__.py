"""Compares peers (other engines): the hop alone, and the whole job with the model.

    python -m benchmarks.peers [--peer NAME] [--job hop|whole] [--share S] [--seconds S] [--write]

The hop: JSON of 200 bytes in, a score added, JSON out under the same key. The whole job: records
of `raw` with texts of realistic length, scored by the bundled model, once with
`transformers.pipeline` and once with this project's scorer. All with acks=all, 12 partitions and
the same local Kafka; the peer has the first CPU, everything else the last. `--share` shortens the
backlogs; `--write` stores the figures and writes the tables into docs/benchmarks.md. Ends with one
line of JSON, and with status 1 if a peer failed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.peers.measure import PeerFailed, PeerRun, slack
from benchmarks.peers.registry import JOBS, PEERS
from benchmarks.peers.table import table, write
from benchmarks.testbed import on, split
from feedback_app.broker import LocalKafka

BROKER_WITHIN_S = 180.0
"""The start is slow on a busy machine, and not part of the measurement."""

Found = dict[str, dict[str, float]]


async def run(names: Sequence[str], kinds: Sequence[str], share: float, seconds: float) -> Found:
    """Measure the peers in turn on one broker; report and leave out those that fail."""
    for name in names:
        PEERS[name].program()
    found: Found = {}
    peer_cpu, rest_cpu = split()
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="bench-peers-", ignore_cleanup_errors=True)
            )
        )
        stack.enter_context(on({rest_cpu}))
        kafka = LocalKafka(folder / "kafka")
        stack.push_async_callback(kafka.stop)
        await kafka.start(BROKER_WITHIN_S)
        slack_url = await slack(stack)
        for name in names:
            for kind, task in PEERS[name].tasks.items():
                if kind not in kinds:
                    continue
                peer = PeerRun(name, kind, kafka.bootstrap, slack_url, folder, {peer_cpu})
                try:
                    found[f"{name} {kind}"] = await peer.measure(
                        int(task.messages * share), seconds
                    )
                except PeerFailed as error:
                    print(f"{name} {kind} failed: {error}", file=sys.stderr, flush=True)
                else:
                    figures = found[f"{name} {kind}"].items()
                    shown = "  ".join(f"{what} {value:,.4g}" for what, value in figures)
                    print(f"{name} {kind}: {shown}", flush=True)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--peer", choices=[*PEERS, "all"], default="all")
    parser.add_argument("--job", choices=[*JOBS, "both"], default="both")
    parser.add_argument("--share", type=float, default=1.0, help="of each backlog")
    parser.add_argument("--seconds", type=float, default=15.0, help="of the latency run")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    given = parser.parse_args(argv)
    names = list(PEERS) if given.peer == "all" else [given.peer]
    jobs = list(JOBS) if given.job == "both" else [given.job]
    kinds = [kind for job in jobs for kind in JOBS[job]]
    wanted = sum(kind in kinds for name in names for kind in PEERS[name].tasks)
    found = asyncio.run(run(names, kinds, given.share, given.seconds))
    for job in jobs:
        print(f"\n{job}\n{table(job, found)}")
    if given.write:
        write(found)
    print(json.dumps(found))
    sys.exit(len(found) < wanted)


if __name__ == "__main__":
    main()

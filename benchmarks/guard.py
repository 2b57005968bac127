"""`make bench`: the hop, the throughput and the latency, against the recorded figures.

    python -m benchmarks.guard [--record]

Ends with one line of JSON; exits with status 1 if a figure is past its tolerance. `--record` writes
the figures to benchmarks/recorded.json. Times are scaled by the pace of this machine today, which
is that of a bare aiokafka loop, measured with every run.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import hop, latency, throughput
from benchmarks.limits import expected, failures

RECORDED = Path(__file__).parent / "recorded.json"
HOP_MESSAGES = 200_000
THROUGHPUT_MESSAGES = 10_000
LATENCY_SECONDS = 30.0


async def measure() -> dict[str, float]:
    """Run the three and return their figures."""
    variants = await hop.measure(HOP_MESSAGES, seconds=5.0)
    through = await throughput.measure(THROUGHPUT_MESSAGES)
    late = await latency.measure(LATENCY_SECONDS, rate=20.0)
    return {
        "hop_cpu_ms": variants["hop"]["cpu_ms"],
        "hop_vs_aiokafka_cpu": variants["hop"]["cpu_ms"] / variants["aiokafka"]["cpu_ms"],
        "share_of_scorer": through["share_of_scorer"],
        "cpu_ms_outside_model": through["cpu_ms_outside_model"],
        "p50_ms": late["p50_ms"],
        "p99_ms": late["p99_ms"],
    }


def show(now: Mapping[str, float], recorded: Mapping[str, float], failed: Sequence[str]) -> None:
    """Print a table with one row per figure."""
    table = Table("figure", "now", "recorded", "at this pace", "")
    at_this_pace = expected(now, recorded)
    for name, value in now.items():
        before = [f"{each[name]:.4f}" if recorded else "-" for each in (recorded, at_this_pace)]
        table.add_row(name, f"{value:.4f}", *before, "past its tolerance" if name in failed else "")
    Console().print(table)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare, and exit."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--record", action="store_true", help="keep the figures as the new reference"
    )
    given = parser.parse_args(argv)
    if not (given.record or RECORDED.exists()):
        sys.exit(f"{RECORDED} is missing: there is nothing to compare with; see --record")
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    now = asyncio.run(measure())
    failed = failures(now, recorded)
    show(now, recorded, failed)
    if given.record:
        RECORDED.write_text(json.dumps(now, indent=2) + "\n")
    print(json.dumps(now))
    sys.exit(1 if failed and not given.record else 0)


if __name__ == "__main__":
    main()

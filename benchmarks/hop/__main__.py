"""CPU per message over a backlog, and latency at a low rate, of one hop.

    python -m benchmarks.hop [--messages N] [--seconds S] [--kafka ADDRESS]

Prints a row per variant and ends with one line of JSON.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence

from benchmarks.hop.measure import VARIANTS, measure


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hop", description=__doc__)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of the latency run")
    parser.add_argument("--kafka", help="host:port; a local broker is started without it")
    parser.add_argument("variants", nargs="*", choices=[*VARIANTS, []], help="default: all")
    given = parser.parse_args(argv)
    variants = given.variants or VARIANTS
    found = asyncio.run(measure(given.messages, given.seconds, given.kafka, variants))
    if set(found) == set(VARIANTS):
        hop = found["hop"]
        ratio = hop["cpu_ms"] / found["aiokafka"]["cpu_ms"]
        line = {"hop_cpu_ms": hop["cpu_ms"], "hop_vs_aiokafka_cpu": ratio}
        print(json.dumps(line | {"p50_ms": hop["p50_ms"], "p99_ms": hop["p99_ms"]}))


if __name__ == "__main__":
    main()

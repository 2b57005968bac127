"""More workers, more readers, more load.

    python -m benchmarks.scaling workers|reader [--messages N] [--model]
    python -m benchmarks.scaling pause|burst [--rate R] [--seconds S]
    python -m benchmarks.scaling simulate|sharing [--messages N]

`workers`: one, two and four over 12 partitions, with the hashing model unless `--model` is given.
`reader`: a second group on `scored`. `pause`: the longest stall of a partition when a worker joins,
is stopped and is killed. `burst`: 20 times the usual rate. `simulate`: the costs for
docs/scaling.md, at ten times this machine's rate. `sharing`: one, two and four scorers on this
machine, each with its share of the cores, then each with one thread per core. Each ends with one
line of JSON.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from benchmarks.scaling import burst, pause, sharing, simulation, workers


def main(argv: Sequence[str] | None = None) -> None:
    """Run one of them and print; exits with status 1 if a burst came out in a different order."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ["workers", "reader", "pause", "burst", "simulate", "sharing"]
    parser.add_argument("what", choices=names)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second, as usual")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each phase")
    parser.add_argument("--model", action="store_true", help="the bundled model instead of hashing")
    given = parser.parse_args(argv)
    measures = {
        "workers": lambda: workers.compare(given.messages, given.model),
        "reader": lambda: workers.with_reader(given.messages, given.model),
        "pause": lambda: pause.measure(given.rate, given.seconds),
        "burst": lambda: burst.measure(given.rate, given.seconds),
        "simulate": lambda: simulation.measure(given.messages),
        "sharing": lambda: sharing.measure(given.messages),
    }
    found = asyncio.run(measures[given.what]())
    for name, value in found.items():
        print(f"{name:22} {value:12,.4f}")
    if given.what == "simulate":
        print(f"\n{simulation.shown(found)}\n")
    print(json.dumps(found))
    sys.exit(found.get("in_order", 1.0) != 1.0 or found.get("page_failed", 0.0) > 0)


if __name__ == "__main__":
    main()

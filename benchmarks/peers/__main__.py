"""One peer or all of them through one hop, side by side.

    python -m benchmarks.peers NAME|all [--share S] [--seconds S] [--write]

Each: JSON of 200 bytes in, a score added, JSON out under the same key, acks=all, 12 partitions, on
the same local Kafka. `--share` shortens the backlogs; `--write` puts the table into
docs/benchmarks.md. Ends with one line of JSON.
"""

import argparse
import asyncio
import json
import platform
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.hop.measure import ROOT, Run
from benchmarks.peers.registry import PEERS, python
from feedback_app.broker import LocalKafka

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- hop table -->", "<!-- end of hop table -->"


class PeerRun(Run):
    """A peer through a pair of topics of its own."""

    def command(self) -> list[str]:
        """Return the command of the process that is measured."""
        peer = PEERS[self.way]
        names = (self.bootstrap, self.topics.raw.name, self.topics.scored.name)
        return [python(self.way), *peer.arguments, *(names if peer.takes_addresses else ())]


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return the rows in Markdown, the cheapest first."""
    lines = [
        "| what | messages/s | CPU ms a message | p50 ms | p99 ms | start s | peak MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in sorted(found.items(), key=lambda item: item[1]["cpu_ms"]):
        lines.append(
            f"| {PEERS[name].title} | {row['per_second']:,.0f} | {row['cpu_ms']:.4f} | "
            f"{row['p50_ms']:.0f} | {row['p99_ms']:.0f} | {row['start_s']:.1f} | "
            f"{row['rss_mb']:.0f} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """Return the processor, its cores and the system."""
    info = Path("/proc/cpuinfo").read_text()
    model = info.split("model name")[1].split(":")[1].splitlines()[0].strip()
    return f"{model}, {info.count('model name')} cores, Linux {platform.release()}"


def write(text: str, command: str) -> None:
    """Put the table between its marks on the page."""
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    at = f"{datetime.now(UTC):%Y-%m-%d}"
    said = f"`{command}`, {at}, Python {platform.python_version()}, {machine()}:"
    PAGE.write_text(f"{head}{BEGIN}\n{said}\n\n{text}\n{END}{tail}")


async def run(names: Sequence[str], share: float, seconds: float) -> dict[str, dict[str, float]]:
    """Measure the peers in turn on one broker."""
    found = {}
    for name in names:
        python(name)
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        async with LocalKafka(Path(folder) / "kafka") as kafka:
            for name in names:
                peer = PeerRun(name, kafka.bootstrap, Path(folder))
                found[name] = await peer.measure(int(PEERS[name].messages * share), seconds)
                print(f"{name:12} {found[name]}", flush=True)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("name", choices=[*PEERS, "all"])
    parser.add_argument("--share", type=float, default=1.0, help="of each peer's backlog")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the latency run")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    given = parser.parse_args(argv)
    names = list(PEERS) if given.name == "all" else [given.name]
    found = asyncio.run(run(names, given.share, given.seconds))
    text = table(found)
    print(text)
    if given.write:
        command = f"python -m benchmarks.peers {given.name} --share {given.share:g}"
        write(text, f"{command} --seconds {given.seconds:g}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()

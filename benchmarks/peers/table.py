"""The tables of the peers: figures stored as JSON, and written into docs/benchmarks.md."""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.hop.measure import ROOT
from benchmarks.peers.registry import JOBS, OWN, PEERS, SCORERS

PAGE = ROOT / "docs" / "benchmarks.md"
STORED = Path(__file__).with_name("figures.json")
MARKERS = {
    "hop": ("<!-- hop table -->", "<!-- end of hop table -->"),
    "whole": ("<!-- whole table -->", "<!-- end of whole table -->"),
}
TIE = 1.3
"""Figures closer than this factor are a tie."""

Figures = Mapping[str, Mapping[str, float]]
"""`peer scorer` to its figures."""


def row(key: str, found: Mapping[str, float]) -> str:
    """Return a Markdown row."""
    name, kind = key.split()
    scorer = f"{SCORERS[kind]} | " if kind in SCORERS else ""
    measured = f"{datetime.fromtimestamp(found['at'], UTC):%Y-%m-%d %H:%M}"
    return (
        f"| {PEERS[name].title} | {scorer}{found['per_second']:,.0f} | {found['cpu_ms']:.4f} | "
        f"{found['p50_ms']:.0f} | {found['p99_ms']:.0f} | {found['start_s']:.1f} | "
        f"{found['peak_mb']:,.0f} | {found['messages']:,.0f} in {found['seconds']:.0f} s | "
        f"{found['slow']:.0f} | {found['load']:.1f} | {measured} |"
    )


def table(job: str, figures: Figures) -> str:
    """Return the Markdown table of a job, the cheapest first."""
    head = ["what", *(["scorer"] if job == "whole" else []), "messages/s", "CPU ms a message"]
    head += ["p50 ms", "p99 ms", "start s", "peak MB", "backlog", "slow", "load", "taken"]
    mine = {key: found for key, found in figures.items() if key.split()[1] in JOBS[job]}
    ordered = sorted(mine.items(), key=lambda item: item[1]["cpu_ms"])
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(row(key, found) for key, found in ordered)])


def verdict(job: str, figures: Figures) -> str:
    """Return a line per figure with the peers that beat this pipeline or tie with it."""
    kind = JOBS[job][-1]
    ours = figures.get(f"ours {kind}")
    if ours is None:
        return ""
    lines = []
    for name, better in (("cpu_ms", -1), ("per_second", 1), ("p99_ms", -1)):
        better_peers = []
        for key, found in figures.items():
            peer, scorer = key.split()
            if peer == "ours" or scorer not in JOBS[job]:
                continue
            factor = (found[name] / ours[name]) ** better
            if factor > 1 / TIE:
                how = "ties with" if factor <= TIE else f"beats by {factor:.1f}"
                label = f" with {SCORERS[scorer]}" if scorer in SCORERS else ""
                label += " scorer" if scorer == OWN else ""
                better_peers.append(f"{PEERS[peer].title}{label} {how} this pipeline")
        lines.append(f"- {NAMES[name]}: {'; '.join(better_peers) or 'no peer ties or is better'}.")
    return "\n".join(lines)


NAMES = {"cpu_ms": "CPU a message", "per_second": "messages a second", "p99_ms": "p99"}


def machine() -> str:
    """Return the CPU model, its cores and the kernel."""
    info = Path("/proc/cpuinfo").read_text()
    model = info.split("model name")[1].split(":")[1].splitlines()[0].strip()
    return f"{model}, {info.count('model name')} cores, Linux {platform.release().split('-')[0]}"


def stored() -> dict[str, dict[str, float]]:
    """Return the stored figures, by peer and scorer."""
    return json.loads(STORED.read_text()) if STORED.exists() else {}


def write(found: Figures) -> None:
    """Store the figures and write both tables between their markers on the page."""
    figures = stored() | {key: dict(value) for key, value in found.items()}
    STORED.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    page = PAGE.read_text()
    setup = f"Python {platform.python_version()}, {machine()}:"
    for job, (begin, end) in MARKERS.items():
        head, rest = page.split(begin)
        _, tail = rest.split(end)
        command = f"`python -m benchmarks.peers --job {job} --write`, {setup}"
        body = f"{command}\n\n{table(job, figures)}\n\n{verdict(job, figures)}".rstrip()
        page = f"{head}{begin}\n{body}\n{end}{tail}"
    PAGE.write_text(page)

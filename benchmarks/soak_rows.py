"""The rows of a soak test: one JSON line per schedule, their sums, and the table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.table import Table

Row = dict[str, Any]

ZOMBIE = "zombie"
"""The fault for which the README allows a duplicate message for a minute."""
KILL, STOP = "kill-worker", "stop-worker"
RECOVERY_BOUNDS_S = {KILL: 30.0, STOP: 3.0}


def read(path: Path) -> list[Row]:
    """Return the rows of a file, without a truncated line."""
    rows = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return rows


def append(path: Path, row: Row) -> None:
    """Append a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        # Do not append to a truncated line.
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(orjson.dumps(row) + b"\n")


def of_seed(rows: Iterable[Row], seed: int) -> list[Row]:
    """Return the rows of one seed."""
    return [row for row in rows if row["seed"] == seed]


def following(rows: Iterable[Row]) -> int:
    """Return the number of the next schedule of a seed."""
    return max((int(row["schedule"]) + 1 for row in rows), default=0)


def summary(rows: Iterable[Row]) -> dict[str, int | float]:
    """Return the sums over the rows."""
    every = list(rows)
    total = {
        name: sum(int(row[name]) for row in every)
        for name in ("messages", "lost", "doubled_seen", "doubled_left")
    }
    longest = max((float(row["recovery_s"]) for row in every), default=0.0)
    return {"schedules": len(every), **total, "longest_recovery_s": longest}


def failures(row: Row) -> list[str]:
    """Return the violations of the delivery guarantees in a row."""
    found = list(row["problems"])
    found += [
        f"{row[name]} {name}" for name in ("lost", "doubled_left", "dead_letters") if row[name]
    ]
    if row["doubled_seen"] and ZOMBIE not in row["faults"]:
        found.append(f"{row['doubled_seen']} doubled_seen without a frozen worker")
    for kind, bound in RECOVERY_BOUNDS_S.items():
        took = row["recovery_by_kind"].get(kind, 0.0)
        if took >= bound:
            found.append(f"{took} s without progress after {kind}")
    return found


def table(now: Sequence[Row], every: Sequence[Row], seed: int) -> Table:
    """Return the table: this run, all rows of its seed, and all rows of the file."""
    shown = Table(title="Soak", title_justify="left")
    shown.add_column("")
    for title in ("this run", f"seed {seed}", "all seeds"):
        shown.add_column(title, justify="right")
    columns = (now, of_seed(every, seed), every)
    faults = [sum((Counter(row["faults"]) for row in rows), Counter[str]()) for rows in columns]
    for kind in sorted(faults[-1]):
        shown.add_row(f"fault: {kind}", *(str(counts[kind]) for counts in faults))
    shown.add_section()
    sums = [summary(rows) for rows in columns]
    for name in sums[-1]:
        shown.add_row(name.replace("_", " "), *(str(total[name]) for total in sums))
    planted = (str(sum(row.get("planted", 0) for row in rows)) for rows in columns)
    shown.add_row("poison and odd payloads, dead-lettered", *planted)
    no_zombie = [[row for row in rows if ZOMBIE not in row["faults"]] for rows in columns]
    shown.add_row(
        "doubled seen, no worker frozen",
        *(str(summary(rows)["doubled_seen"]) for rows in no_zombie),
    )
    for kind in RECOVERY_BOUNDS_S:
        worst = (
            max((row["recovery_by_kind"].get(kind, 0.0) for row in rows), default=0.0)
            for rows in columns
        )
        shown.add_row(f"longest recovery s, {kind} alone", *map(str, worst))
    failed = (str(sum(bool(failures(row)) for row in rows)) for rows in columns)
    shown.add_row("schedules that failed", *failed)
    return shown

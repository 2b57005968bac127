"""Scorers on one machine: each with its share of the cores, or each with all of them."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import orjson

from benchmarks.texts import texts

COUNTS = (1, 2, 4)
ROOT = Path(__file__).parents[2]


async def scorer(file: Path, threads: int | None) -> tuple[float, float]:
    """Return the seconds and CPU seconds of one process for all texts of a file."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FEEDBACK_")}
    if threads is not None:
        environment["FEEDBACK_MODEL_THREADS"] = str(threads)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.alone", str(file)),
        env=environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    found = orjson.loads(out)
    return found["seconds"], found["cpu_s"]


async def measure(messages: int) -> dict[str, float]:
    """Return texts a second and CPU milliseconds a text of one, two and four processes at once."""
    cores = os.cpu_count() or 1
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder) / "texts.json"
        file.write_bytes(orjson.dumps([one.text for one in texts(messages)]))
        for variant, threads in (("shared", None), ("all_each", cores)):
            for count in COUNTS:
                timings = await asyncio.gather(*(scorer(file, threads) for _ in range(count)))
                found[f"{variant}_{count}_per_second"] = sum(messages / wall for wall, _ in timings)
                found[f"{variant}_{count}_cpu_ms"] = (
                    sum(cpu for _, cpu in timings) * 1000 / messages / count
                )
    return found

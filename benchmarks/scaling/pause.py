"""The longest pause a partition sees when a worker is added, stopped and killed under load."""

import asyncio
import time

from benchmarks.scaling.load import Feeder, longest_gap, rows
from benchmarks.scaling.workers import HASHING, QUIET, drained
from benchmarks.stand import Stand
from benchmarks.texts import texts

TEXTS = 5000


async def measure(rate: float, phase_s: float) -> dict[str, float]:
    """Return the longest gap in seconds between two scored records of a partition, by phase.

    A phase begins with what happens and takes `phase_s`, a start until the worker is ready besides.
    At `rate` a partition's records are 12 / `rate` seconds apart, so `steady` is what is there
    without any change.
    """
    begun: dict[str, float] = {}
    async with Stand(QUIET | HASHING, spread=True) as stand:
        first = await stand.worker()
        await first.ready()
        feeder = Feeder(stand, texts(TEXTS), rate)
        await asyncio.sleep(phase_s)
        begun["steady"] = time.time()
        await asyncio.sleep(phase_s)
        begun["added"] = time.time()
        second = await stand.worker()
        await second.ready()
        await asyncio.sleep(phase_s)
        begun["stopped"] = time.time()
        await second.stop()
        await asyncio.sleep(phase_s)
        begun["added again"] = time.time()
        third = await stand.worker()
        await third.ready()
        await asyncio.sleep(phase_s)
        begun["killed"] = time.time()
        third.process.kill()
        # Its partitions wait for its session to time out.
        await asyncio.sleep(max(phase_s, 20))
        end = time.time()
        sent = await feeder.stop()
        await drained(stand, sent)
        scored = await rows(stand.bootstrap, stand.topics.scored.name)
    names = [*begun]
    ends = [*(begun[name] for name in names[1:]), end]
    found = {
        f"{name}_s": longest_gap(scored, begun[name], until)
        for name, until in zip(names, ends, strict=True)
    }
    return found | {"sent": float(sent), "scored": float(len(scored))}

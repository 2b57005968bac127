"""The longest stall of a partition when a worker is added, stopped and killed under load."""

import asyncio
import time

from benchmarks.scaling.load import Feeder, longest_gap, read_all
from benchmarks.scaling.workers import HASHING, QUIET, drained
from benchmarks.testbed import Testbed
from benchmarks.texts import texts

TEXTS = 5000


async def measure(rate: float, phase_s: float) -> dict[str, float]:
    """Return the longest gap in seconds between two scored records of a partition, by phase.

    A phase begins with its event and takes `phase_s`, plus the start of a worker if it has one.
    Records of a partition are 12 / `rate` seconds apart; `steady` is the gap without any change.
    """
    begun: dict[str, float] = {}
    async with Testbed(QUIET | HASHING, spread=True) as testbed:
        first = await testbed.worker()
        await first.ready()
        feeder = Feeder(testbed, texts(TEXTS), rate)
        await asyncio.sleep(phase_s)
        begun["steady"] = time.time()
        await asyncio.sleep(phase_s)
        begun["added"] = time.time()
        second = await testbed.worker()
        await second.ready()
        await asyncio.sleep(phase_s)
        begun["stopped"] = time.time()
        await second.stop()
        await asyncio.sleep(phase_s)
        begun["added again"] = time.time()
        third = await testbed.worker()
        await third.ready()
        await asyncio.sleep(phase_s)
        begun["killed"] = time.time()
        third.process.kill()
        # Its partitions are reassigned after the session timeout.
        await asyncio.sleep(max(phase_s, 20))
        end = time.time()
        sent = await feeder.stop()
        await drained(testbed, sent)
        scored = await read_all(testbed.bootstrap, testbed.topics.scored.name)
    names = [*begun]
    ends = [*(begun[name] for name in names[1:]), end]
    found = {
        f"{name}_s": longest_gap(scored, begun[name], until)
        for name, until in zip(names, ends, strict=True)
    }
    return found | {"sent": float(sent), "scored": float(len(scored))}

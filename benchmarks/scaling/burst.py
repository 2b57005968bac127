"""A burst of 20 times the usual rate: order, time to drain, and whether the page stays live."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from aiohttp import ClientError, ClientSession, ClientTimeout

from benchmarks.scaling.load import Feeder, Stamped, read_all
from benchmarks.scaling.workers import QUIET, drained
from benchmarks.testbed import Testbed
from benchmarks.texts import texts
from models import ScoredFeedback

TIMES = 20
POLL_EVERY_S = 0.25


class Page:
    """An open page: polls `/stats` and reads `/events`."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self.took: list[float] = []
        self.failed = 0
        self.events: list[float] = []
        self._tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._listen())]

    async def _poll(self) -> None:
        async with ClientSession(timeout=ClientTimeout(total=30)) as session:
            while True:
                began = time.monotonic()
                try:
                    async with session.get(f"{self._base}/stats") as answer:
                        await answer.read()
                        self.failed += answer.status != 200
                except (ClientError, TimeoutError):
                    self.failed += 1
                self.took.append(time.monotonic() - began)
                await asyncio.sleep(POLL_EVERY_S)

    async def _listen(self) -> None:
        async with (
            ClientSession(timeout=ClientTimeout(total=None)) as session,
            session.get(f"{self._base}/events") as answer,
        ):
            async for _ in answer.content.iter_any():
                self.events.append(time.monotonic())

    async def close(self) -> None:
        """Close the page; re-raises the exception that ended the events early."""
        for task in self._tasks:
            if not task.done():
                task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task


async def measure(usual: float, seconds: float) -> dict[str, float]:
    """Return the time to drain the burst, whether order was kept, and the latencies of the page."""
    async with Testbed(QUIET) as testbed:
        worker = await testbed.worker()
        await worker.ready()
        feeder = Feeder(testbed, texts(5000), usual)
        page = Page(worker.port)
        await asyncio.sleep(seconds)
        first, began = feeder.sent, time.time()
        feeder.rate = usual * TIMES
        await asyncio.sleep(seconds)
        feeder.rate = usual
        last, ended = feeder.sent, time.time()
        await drained(testbed, last)
        await asyncio.sleep(seconds)
        sent = await feeder.stop()
        await drained(testbed, sent)
        closed = time.monotonic()
        await page.close()
        raw = await read_all(testbed.bootstrap, testbed.topics.raw.name)
        scored = await read_all(testbed.bootstrap, testbed.topics.scored.name)
    appended = {(row.partition, row.offset): row.at for row in raw}
    read = [(row, ScoredFeedback.decode(row.value)) for row in scored]
    delays = [row.at - appended[one.partition, one.offset] for row, one in read]
    burst = {f"bench:{number}" for number in range(first, last)}
    until = max(row.at for row, one in read if one.feedback.id in burst)
    gaps = [b - a for a, b in pairwise([*page.events, closed])]
    return {
        "sent": float(sent),
        "burst": float(last - first),
        "burst_per_second": (last - first) / (ended - began),
        "drained_after_s": until - ended,
        "longest_wait_s": max(delays),
        "in_order": float(in_order(raw, [(row, one.offset) for row, one in read])),
        "page_p50_ms": statistics.median(page.took) * 1000,
        "page_worst_ms": max(page.took) * 1000,
        "page_failed": float(page.failed),
        "events_longest_gap_s": max(gaps, default=float("inf")),
    }


def in_order(raw: Sequence[Stamped], scored: Sequence[tuple[Stamped, int]]) -> bool:
    """Whether the records of each partition came out exactly once and in order.

    `scored` has each record with the offset of its raw record.
    """
    for partition in {row.partition for row in raw}:
        offsets = [row.offset for row in raw if row.partition == partition]
        if offsets != [offset for row, offset in scored if row.partition == partition]:
            return False
    return True

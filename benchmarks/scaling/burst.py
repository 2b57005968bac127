"""A burst of 20 times the usual rate: drains in order, and the page stays live."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from aiohttp import ClientError, ClientSession, ClientTimeout

from benchmarks.scaling.load import Feeder, Row, rows
from benchmarks.scaling.workers import QUIET, drained
from benchmarks.stand import Stand
from benchmarks.texts import texts
from models import ScoredFeedback

TIMES = 20
ASK_EVERY_S = 0.25


class Page:
    """Somebody who has the page open: asks for the figures, and takes the events."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self.took: list[float] = []
        self.failed = 0
        self.events: list[float] = []
        self._tasks = [asyncio.create_task(self._ask()), asyncio.create_task(self._listen())]

    async def _ask(self) -> None:
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
                await asyncio.sleep(ASK_EVERY_S)

    async def _listen(self) -> None:
        async with (
            ClientSession(timeout=ClientTimeout(total=None)) as session,
            session.get(f"{self._base}/events") as answer,
        ):
            async for _ in answer.content.iter_any():
                self.events.append(time.monotonic())

    async def close(self) -> None:
        """Leave the page; raises what ended the events early."""
        for task in self._tasks:
            if not task.done():
                task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task


async def measure(usual: float, seconds: float) -> dict[str, float]:
    """Return how long the burst took to drain, whether it did in order, and how the page fared."""
    async with Stand(QUIET) as stand:
        worker = await stand.worker()
        await worker.ready()
        feeder = Feeder(stand, texts(5000), usual)
        page = Page(worker.port)
        await asyncio.sleep(seconds)
        first, began = feeder.sent, time.time()
        feeder.rate = usual * TIMES
        await asyncio.sleep(seconds)
        feeder.rate = usual
        last, ended = feeder.sent, time.time()
        await drained(stand, last)
        await asyncio.sleep(seconds)
        sent = await feeder.stop()
        await drained(stand, sent)
        closed = time.monotonic()
        await page.close()
        raw = await rows(stand.bootstrap, stand.topics.raw.name)
        scored = await rows(stand.bootstrap, stand.topics.scored.name)
    came = {(row.partition, row.offset): row.at for row in raw}
    read = [(row, ScoredFeedback.decode(row.value)) for row in scored]
    waits = [row.at - came[one.partition, one.offset] for row, one in read]
    burst = {f"bench:{number}" for number in range(first, last)}
    until = max(row.at for row, one in read if one.feedback.id in burst)
    gaps = [b - a for a, b in pairwise([*page.events, closed])]
    return {
        "sent": float(sent),
        "burst": float(last - first),
        "burst_per_second": (last - first) / (ended - began),
        "drained_after_s": until - ended,
        "longest_wait_s": max(waits),
        "in_order": float(in_order(raw, [(row, one.offset) for row, one in read])),
        "page_p50_ms": statistics.median(page.took) * 1000,
        "page_worst_ms": max(page.took) * 1000,
        "page_failed": float(page.failed),
        "events_longest_gap_s": max(gaps, default=float("inf")),
    }


def in_order(raw: Sequence[Row], scored: Sequence[tuple[Row, int]]) -> bool:
    """Tell whether each partition's records came out once each, in the order they went in.

    `scored` holds each record with the offset of the raw record that it comes from.
    """
    for partition in {row.partition for row in raw}:
        went = [row.offset for row in raw if row.partition == partition]
        if went != [offset for row, offset in scored if row.partition == partition]:
            return False
    return True

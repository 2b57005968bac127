"""A worker's signs of life: what the page and the probes judge it by."""

import asyncio
import logging
from collections.abc import Callable

from mode import Service

from feedback_app.hop import Output, Produce, TransientError

log = logging.getLogger(__name__)

BEAT_S = 1.0
STATUS_EVERY = 2
"""Beats between two records."""


class Heartbeat(Service):
    """Beats on the event loop, and writes the worker's status to `stats` every two seconds.

    `status` returns the records, given whether they are the last words.
    """

    def __init__(
        self,
        produce: Produce,
        status: Callable[[bool], list[Output]],
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__()
        self._produce, self._status = produce, status
        self._monotonic = monotonic
        self.at = monotonic()
        self._sending: asyncio.Task[None] | None = None

    @Service.task
    async def _beat(self) -> None:
        beats = 0
        while not self.should_stop:
            self.at = self._monotonic()
            if beats % STATUS_EVERY == 0 and (self._sending is None or self._sending.done()):
                # Not awaited: with Kafka down the beat goes on.
                self._sending = asyncio.ensure_future(self._send(stopped=False))
            beats += 1
            await self.sleep(BEAT_S)

    async def on_stop(self) -> None:
        """Say that this worker is gone, so that no one waits for its silence to tell."""
        if self._sending is not None:
            self._sending.cancel()
        try:
            async with asyncio.timeout(1.0):
                await self._send(stopped=True)
        except TimeoutError:
            log.info("no last words: Kafka did not answer")

    async def _send(self, stopped: bool) -> None:
        try:
            await self._produce(self._status(stopped))
        except TransientError as fault:
            log.warning("no sign of life could be written: %s", fault)

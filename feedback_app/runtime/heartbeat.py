"""The heartbeat: a beat each second for the probes, and the worker's status on `stats`."""

import asyncio
import logging
from collections.abc import Callable

from mode import Service

from feedback_app.clock import Clock
from feedback_app.hop import Output, Produce, TransientError

log = logging.getLogger(__name__)

BEAT_S = 1.0
STATUS_EVERY = 2
"""Beats per status."""
LAST_STATUS_S = 1.0
"""Time limit of the last status."""


class Heartbeat(Service):
    """Beats on the event loop, and writes the worker's status every two seconds.

    `status` returns the records; its argument says whether the worker has stopped.
    """

    def __init__(
        self, produce: Produce, status: Callable[[bool], list[Output]], clock: Clock
    ) -> None:
        super().__init__()
        self._produce, self._status, self._clock = produce, status, clock
        self.at = clock.monotonic()
        """When it last beat, in monotonic seconds."""
        self._sending: asyncio.Task[None] | None = None

    @Service.task
    async def _run(self) -> None:
        beats = 0
        while not self.should_stop:
            self.at = self._clock.monotonic()
            if beats % STATUS_EVERY == 0 and (self._sending is None or self._sending.done()):
                # Not awaited, so that it beats while Kafka is down.
                self._sending = asyncio.ensure_future(self._send(stopped=False))
            beats += 1
            await self.sleep(BEAT_S)

    async def on_stop(self) -> None:
        """Write that this worker has stopped, so that nobody has to infer it from its silence."""
        if self._sending is not None:
            self._sending.cancel()
        try:
            async with asyncio.timeout(LAST_STATUS_S):
                await self._send(stopped=True)
        except TimeoutError:
            log.info("the last status was not written: Kafka did not answer")

    async def _send(self, stopped: bool) -> None:
        try:
            await self._produce(self._status(stopped))
        except TransientError as error:
            log.warning("the status of this worker was not written: %s", error)

"""Server-sent events: sends the parts of the page to a bounded number of listeners."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Protocol

log = logging.getLogger(__name__)

MAX_LISTENERS = 32
KEEP_ALIVE_S = 15.0
MIN_INTERVAL_S = 0.4
"""Shortest time between two updates."""
MAX_INTERVAL_S = 2.0
"""Longest time between two updates: rates and ages change even if nothing happens."""


class TooManyListeners(Exception):
    """MAX_LISTENERS are connected already."""


class Subscribe(Protocol):
    """Subscribes to changes."""

    def __call__(self, changed: Callable[[], None], /) -> Callable[[], None]:
        """Call `changed` when something is new; returns the unsubscribe."""


class Broadcast:
    """Computes the parts once for all listeners, and only while there are any.

    A slow listener skips versions and gets the newest; nothing is queued. Intervals in seconds.
    """

    def __init__(
        self,
        subscribe: Subscribe,
        parts: Callable[[], Mapping[str, bytes]],
        min_interval: float = MIN_INTERVAL_S,
        max_interval: float = MAX_INTERVAL_S,
    ) -> None:
        self._subscribe, self._compute = subscribe, parts
        self._min_interval, self._max_interval = min_interval, max_interval
        self._parts: Mapping[str, bytes] = {}
        self._changed = asyncio.Event()
        self._updated = asyncio.Condition()
        self._version = 0
        self._pump: asyncio.Task[None] | None = None
        self._closed = False
        self.listeners = 0

    async def listen(self, keep_alive: float = KEEP_ALIVE_S) -> AsyncGenerator[bytes, None]:
        """Yield events, and comments every `keep_alive` seconds, until the broadcast closes.

        Raises TooManyListeners if there are MAX_LISTENERS already.
        """
        if self.listeners >= MAX_LISTENERS:
            raise TooManyListeners
        self.listeners += 1
        try:
            if self._pump is None:
                self._pump = asyncio.create_task(self._run(), name="page updates")
            sent: dict[str, bytes] = {}
            version = -1
            while not self._closed:
                version = self._version
                new = {name: data for name, data in self._parts.items() if sent.get(name) != data}
                sent.update(new)
                if new:
                    yield b"".join(event(name, data) for name, data in new.items())
                if not await self._wait(version, keep_alive):
                    yield b": still here\n\n"
        finally:
            self.listeners -= 1
            if not self.listeners:
                await self._stop()

    async def close(self) -> None:
        """End all listeners, so that the server can stop."""
        self._closed = True
        await self._stop()
        async with self._updated:
            self._updated.notify_all()

    async def _wait(self, version: int, seconds: float) -> bool:
        """Return whether a version other than `version` appears within `seconds`."""
        try:
            async with asyncio.timeout(seconds), self._updated:
                await self._updated.wait_for(lambda: self._closed or self._version != version)
        except TimeoutError:
            return False
        return True

    async def _run(self) -> None:
        unsubscribe = self._subscribe(self._changed.set)
        try:
            while True:
                self._changed.clear()
                try:
                    self._parts = self._compute()
                except Exception:
                    # The next state may be fine; this one must not end the page.
                    log.exception("cannot draw up the page")
                async with self._updated:
                    self._version += 1
                    self._updated.notify_all()
                await asyncio.sleep(self._min_interval)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._max_interval - self._min_interval):
                        await self._changed.wait()
        finally:
            unsubscribe()

    async def _stop(self) -> None:
        pump, self._pump, self._parts = self._pump, None, {}
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)


def event(name: str, data: bytes) -> bytes:
    """Return one event; `data` is one line of JSON."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"

"""Server-sent events: the parts of the page, to a bounded number of listeners."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Protocol

log = logging.getLogger(__name__)

MAX_LISTENERS = 32
KEEP_ALIVE_S = 15.0
LEAST_INTERVAL_S = 0.4
"""Seconds between two updates, however much is new."""
MOST_INTERVAL_S = 2.0
"""Seconds after which an update goes out although nothing is new: time itself ages things."""


class TooManyListeners(Exception):
    """Every seat is taken."""


class Subscribe(Protocol):
    """The way to hear of changes; it returns the way out."""

    def __call__(self, changed: Callable[[], None], /) -> Callable[[], None]:
        """Have `changed` called when something is new."""


class Broadcast:
    """Computes the parts once for all listeners, and only while somebody listens.

    A slow listener skips versions and gets the newest; nothing is queued.
    """

    def __init__(
        self,
        subscribe: Subscribe,
        parts: Callable[[], Mapping[str, bytes]],
        least_interval: float = LEAST_INTERVAL_S,
        most_interval: float = MOST_INTERVAL_S,
    ) -> None:
        self._subscribe, self._compute = subscribe, parts
        self._least, self._most = least_interval, most_interval
        self._parts: Mapping[str, bytes] = {}
        self._news = asyncio.Event()
        self._turned = asyncio.Condition()
        self._version = 0
        self._pump: asyncio.Task[None] | None = None
        self._closed = False
        self.listeners = 0

    async def listen(self, keep_alive: float = KEEP_ALIVE_S) -> AsyncGenerator[bytes, None]:
        """Yield events (and comments that keep the connection open) until the broadcast closes.

        Raises TooManyListeners at once if there are 32 already.
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
        """End every listener, so that the server can stop."""
        self._closed = True
        await self._stop()
        async with self._turned:
            self._turned.notify_all()

    async def _wait(self, version: int, seconds: float) -> bool:
        """Return whether there is more than `version` within `seconds`."""
        try:
            async with asyncio.timeout(seconds), self._turned:
                await self._turned.wait_for(lambda: self._closed or self._version != version)
        except TimeoutError:
            return False
        return True

    async def _run(self) -> None:
        leave = self._subscribe(self._news.set)
        try:
            while True:
                self._news.clear()
                try:
                    self._parts = self._compute()
                except Exception:
                    # The next state may be one that can be shown; this one must not end the page.
                    log.exception("cannot draw up the page")
                async with self._turned:
                    self._version += 1
                    self._turned.notify_all()
                await asyncio.sleep(self._least)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._most - self._least):
                        await self._news.wait()
        finally:
            leave()

    async def _stop(self) -> None:
        pump, self._pump, self._parts = self._pump, None, {}
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)


def event(name: str, data: bytes) -> bytes:
    """Return one event; `data` is JSON on one line."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"

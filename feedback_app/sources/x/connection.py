"""One connection of the filtered stream through tweepy; it ends with a fault that says why."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from pydantic import SecretStr
from tweepy.asynchronous import AsyncStreamingClient
from tweepy.asynchronous.streaming import AsyncBaseStream

from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.x.backoff import ConnectionLost
from feedback_app.sources.x.client import DEPENDENCY, fault
from feedback_app.sources.x.posts import EXPANSIONS, POST_FIELDS, USER_FIELDS

OnLine = Callable[[object, bytes], Awaitable[None]]
"""Called with a decoded line (None for one that is no JSON) and its bytes."""


class Connection(AsyncStreamingClient):  # type: ignore[misc]
    """tweepy's stream without its own reconnects, which do not wait after a clean close.

    Whatever ends the connection raises here. tweepy hands the exception to `on_exception` before
    its task ends, and the supervisor reads it from `ended`.
    """

    def __init__(
        self, api_url: str, token: SecretStr, clock: Callable[[], float], on_line: OnLine
    ) -> None:
        super().__init__("-", max_retries=0)
        self.connected = asyncio.Event()
        self.ended: Exception | None = None
        self._api_url, self._token = api_url.rstrip("/"), token
        self._clock, self._on_line = clock, on_line

    def open(self) -> "asyncio.Task[None]":
        """Connect; the task ends with the connection."""
        task: asyncio.Task[None] = self.filter(
            tweet_fields=POST_FIELDS, expansions=EXPANSIONS, user_fields=USER_FIELDS
        )
        return task

    async def _connect(self, method: str, endpoint: str, **kwargs: Any) -> None:
        await AsyncBaseStream._connect(
            self,
            method,
            f"{self._api_url}/2/tweets/{endpoint}/stream",
            headers={"Authorization": f"Bearer {self._token.get_secret_value()}"},
            **kwargs,
        )

    async def on_connect(self) -> None:
        """X has accepted the connection."""
        self.connected.set()

    async def on_data(self, raw_data: bytes) -> None:
        """A line came. tweepy's own parser would end the stream where a rule has no tag."""
        try:
            line = json.loads(raw_data)
        except (ValueError, RecursionError):
            line = None
        if isinstance(line, dict) and "errors" in line and "data" not in line:
            raise ConnectionLost(DEPENDENCY, f"X ends the stream: {ascii(line['errors'])[:200]}")
        await self._on_line(line, raw_data)

    async def on_closed(self, resp: aiohttp.ClientResponse) -> None:
        """X closed the connection without an error."""
        raise ConnectionLost(DEPENDENCY, "X closed the stream")

    async def on_connection_error(self) -> None:
        """The connection broke, or not even a keep-alive came for 21 s."""
        raise ConnectionLost(DEPENDENCY, "the stream broke, or fell silent")

    async def on_request_error(self, status_code: int) -> None:
        """X refused the connection."""
        if status_code == 429:
            message = "X has a connection of this app already, or saw too many of them (429)"
            raise SourceFault(DEPENDENCY, message, None, "rate_limited")
        raise fault(status_code, None, b"", self._clock())

    async def on_exception(self, exception: Exception) -> None:
        """Record what ended the stream, for the supervisor."""
        self.ended = exception

    async def on_disconnect(self) -> None:
        """The task is about to end."""

"""A connection that asks, right before the first byte, whether the request may still be sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp

TOTAL_S = 8.0
"""Of one call; below the session timeout of the consumer group."""
CONNECT_S = 5.0
KEEP_S = 2.0
"""How long an idle connection is kept. If Slack closes one just as a post goes out on it, the post
is uncertain, and hardly any server closes a connection that was idle for so short a time."""

_may_send: ContextVar[Callable[[], bool] | None] = ContextVar("may_send", default=None)


class Withheld(Exception):
    """The request was given up before any of it was sent."""


@contextmanager
def only_while(may_send: Callable[[], bool]) -> Iterator[None]:
    """Withhold the requests of this task inside the block unless `may_send` agrees."""
    _may_send.set(may_send)
    try:
        yield
    finally:
        _may_send.set(None)


class GuardedConnector(aiohttp.TCPConnector):
    """Asks `may_send` once the connection is established, new or kept."""

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:
        """Return a connection; raises Withheld."""
        connection = await super().connect(*args, **kwargs)
        may_send = _may_send.get()
        if may_send is not None and not may_send():
            connection.close()
            raise Withheld("not the owner any more")
        return connection


def guarded_session() -> aiohttp.ClientSession:
    """Return a session with guarded connections and the bounds above; needs a running loop."""
    return aiohttp.ClientSession(
        connector=GuardedConnector(keepalive_timeout=KEEP_S),
        timeout=aiohttp.ClientTimeout(total=TOTAL_S, connect=CONNECT_S),
    )

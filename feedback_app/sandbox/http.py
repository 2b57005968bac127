"""Two ways to answer a request: with JSON, and not at all."""

import orjson
from aiohttp import web


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return `body` as a JSON answer."""
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )


def cut(request: web.Request) -> web.Response:
    """Drop the client's connection and return an answer that never arrives."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)

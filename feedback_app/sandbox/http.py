"""HTTP responses: a JSON body, or a dropped connection."""

import orjson
from aiohttp import web


def json_response(
    body: object, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a response with `body` as JSON."""
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )


def drop_connection(request: web.Request) -> web.Response:
    """Abort the client's connection; the returned response never arrives."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)

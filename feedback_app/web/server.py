"""The routes of the page, the probes and the metrics."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from feedback_app.web import health, metrics, security
from feedback_app.web.events import Broadcast, TooManyListeners
from feedback_app.web.page_json import (
    DAY_MINUTES,
    DAY_STEP,
    WebView,
    figures,
    latest,
    parts,
    series,
    whole,
)

STATIC = Path(str(files("feedback_app.web") / "static"))
WRITE_TIMEOUT_S = 10.0
NO_FORM = (ValueError, LookupError, HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises for a body that does not match its headers."""


def attach(web_app: web.Application, view: WebView) -> None:
    """Add routes, checks and headers to `web_app`."""
    pages = Pages(view)
    web_app.middlewares.append(security.guard(view.settings, view.clock, pages.refuse))
    web_app.on_response_prepare.append(security.set_headers)
    web_app.on_shutdown.append(pages.close)
    web_app.router.add_get("/", pages.index)
    web_app.router.add_get("/login", pages.login_form)
    web_app.router.add_post("/login", pages.login)
    web_app.router.add_post("/logout", pages.logout)
    web_app.router.add_get("/stats", pages.stats)
    web_app.router.add_get("/healthz", pages.healthz)
    web_app.router.add_get("/readyz", pages.readyz)
    web_app.router.add_get("/metrics", pages.metrics)
    web_app.router.add_get("/events", pages.events)
    web_app.router.add_get("/api/recent", pages.recent)
    web_app.router.add_static("/static/", STATIC)


class Pages:
    """The request handlers; `view` is all that they know of the worker."""

    def __init__(self, view: WebView) -> None:
        self._view = view
        self._broadcast = Broadcast(view.subscribe, lambda: parts(view))
        self._index = (STATIC / "index.html").read_bytes()
        self._login = (STATIC / "login.html").read_bytes()

    async def close(self, _: web.Application) -> None:
        """End the open event streams, which would block the shutdown."""
        await self._broadcast.close()

    async def index(self, _: web.Request) -> web.Response:
        """Answer with the page."""
        return _html(self._index)

    async def login_form(self, _: web.Request) -> web.Response:
        """Answer with the login form."""
        return _html(self._login)

    async def login(self, request: web.Request) -> web.Response:
        """Set the session cookie if the token is right, else show the form again."""
        token = self._view.settings.web_token
        if token is None:
            raise web.HTTPSeeOther("/")
        limited = request.clone(client_max_size=security.MAX_BODY_BYTES)
        try:
            given = (await limited.post()).get("token")
        except NO_FORM:
            raise web.HTTPBadRequest(text="This is no form with a token.\n") from None
        if not isinstance(given, str) or not security.same(given, token.get_secret_value()):
            return _html(self._login.replace(b"<main", b'<main data-wrong="true"', 1), status=401)
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(
            security.COOKIE,
            security.session(token.get_secret_value(), self._view.clock.time()),
            max_age=security.SESSION_S,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return answer

    async def logout(self, _: web.Request) -> web.Response:
        """Delete the session cookie."""
        answer = web.Response(status=303, headers={"Location": "/login"})
        answer.del_cookie(security.COOKIE)
        return answer

    async def refuse(self, request: web.Request) -> web.Response:
        """Answer a request without the token: the form for a browser, JSON for a program."""
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return _html(self._login, status=401)
        answer = _json({"error": "send the token as Authorization: Bearer"}, status=401)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    async def stats(self, _: web.Request) -> web.Response:
        """Answer with the figures of the whole cluster."""
        return _json(whole(self._view))

    async def healthz(self, _: web.Request) -> web.Response:
        """Answer whether this process works."""
        return _verdict(health.alive(self._view.health()))

    async def readyz(self, _: web.Request) -> web.Response:
        """Answer whether this process does its share of the work."""
        return _verdict(health.ready(self._view.health()))

    async def metrics(self, _: web.Request) -> web.Response:
        """Answer in the Prometheus text format."""
        text = metrics.render(figures(self._view))
        return web.Response(body=text.encode(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def recent(self, _: web.Request) -> web.Response:
        """Answer with the latest messages and alerts, and a day of counts."""
        return _json({**latest(self._view), "day": series(self._view, DAY_MINUTES, DAY_STEP)})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream the parts of the page as they change."""
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        stream = self._broadcast.listen()
        try:
            async for data in stream:
                if not answer.prepared:
                    await answer.prepare(request)
                # A listener that reads nothing must not stay connected.
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await answer.write(data)
        except TooManyListeners:
            raise web.HTTPServiceUnavailable(
                text="Too many open pages.\n", headers={"Retry-After": "30"}
            ) from None
        except (TimeoutError, ConnectionError):
            pass
        finally:
            await stream.aclose()
        return answer


def _html(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")


def _verdict(verdict: health.Verdict) -> web.Response:
    return _json({"ok": verdict.ok, "reasons": verdict.reasons}, status=200 if verdict.ok else 503)

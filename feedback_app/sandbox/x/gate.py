"""Checks before every request to the stand-in X: token, rate limits and faults."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from feedback_app.sandbox.clock import Clock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.http import drop_connection, json_response
from feedback_app.sandbox.log import Log, Refused
from feedback_app.sandbox.x.answers import NOT_ENROLLED, problem

WINDOW_S = 900.0
X_BEARER_TOKEN = "sandbox-x-bearer-token"  # noqa: S105
"""The token that the stand-in X accepts."""
LIMITS = {
    "search": 450,
    "lookup": 3500,
    "stream": 50,
    "rules": 450,
    "jobs": 150,
}
"""Requests of each kind allowed per app in fifteen minutes."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """An error response to the request."""

    def __init__(self, status: int, body: dict[str, Any], error: str | None = None) -> None:
        super().__init__(error or body.get("title", str(status)))
        self.status = status
        self.body = body


@dataclass
class Window:
    """The requests of one kind in the current fifteen minutes."""

    started: float
    used: int = 0


class Gate:
    """Wraps handlers with the checks that X makes first."""

    def __init__(self, clock: Clock, faults: Faults, log: Log) -> None:
        self.faults = faults
        self.token: str | None = X_BEARER_TOKEN
        """The valid token; None after it is revoked."""
        self.enrolled = True
        """Whether the app's access level covers these endpoints; if not, 403."""
        self.limits = dict(LIMITS)
        self._clock = clock
        self._log = log
        self._windows: dict[str, Window] = {}

    def guard(self, kind: str, handler: Handler) -> Handler:
        """Wrap the handler with the checks of token and rate limit, and with faults."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            where = f"{request.method} {request.path}"
            headers: dict[str, str] = {}
            try:
                self._check_token(request)
                headers = self._count_request(kind)
                faulty = await self._inject_fault(request, where)
                response = faulty or await handler(request)
            except Refusal as refusal:
                self._log.write(
                    Refused(platform="x", method=where, status=refusal.status, error=str(refusal))
                )
                response = json_response(refusal.body, refusal.status)
                if refusal.status == 429:
                    headers = headers or self._limit_headers(kind)
            if not response.prepared:
                for name, value in headers.items():
                    response.headers.setdefault(name, value)
            return response

        return guarded

    def _check_token(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.token is None or token != self.token:
            raise Refusal(401, problem(401, "Unauthorized"))
        if not self.enrolled:
            raise Refusal(403, NOT_ENROLLED)

    def _count_request(self, kind: str) -> dict[str, str]:
        now = self._clock.now()
        window = self._windows.get(kind)
        if window is None or now >= window.started + WINDOW_S:
            window = self._windows[kind] = Window(now)
        if window.used >= self.limits[kind]:
            raise Refusal(429, problem(429, "Too Many Requests"), "rate limit")
        window.used += 1
        return self._limit_headers(kind)

    def _limit_headers(self, kind: str) -> dict[str, str]:
        window, limit = self._windows[kind], self.limits[kind]
        return {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(limit - window.used),
            "x-rate-limit-reset": str(int(window.started + WINDOW_S)),
        }

    async def _inject_fault(self, request: web.Request, where: str) -> web.Response | None:
        faults = self.faults
        if faults.hit("disconnect", "x", where):
            return drop_connection(request)
        if faults.hit("429", "x", where):
            reset = str(int(self._clock.now()) + 2)
            headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
            return json_response(problem(429, "Too Many Requests"), 429, headers)
        if faults.hit("5xx", "x", where):
            if faults.pick(("json", "html")) == "json":
                return json_response(problem(503, "Service Unavailable"), 503)
            page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
            return web.Response(status=502, text=page, content_type="text/html")
        if faults.hit("slow", "x", where):
            request["slow"] = True
            await self._clock.sleep(faults.seconds())
        return None

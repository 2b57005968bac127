"""The Web API: parses a call's arguments, checks token and scope, runs the method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from feedback_app.sandbox.clock import Clock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.http import drop_connection, json_response
from feedback_app.sandbox.log import Log, Refused

SLACK_BOT_TOKEN = "xoxb-sandbox-bot-token"  # noqa: S105
SLACK_APP_TOKEN = "xapp-sandbox-app-token"  # noqa: S105
SCOPES = (
    "channels:history",
    "groups:history",
    "channels:read",
    "groups:read",
    "chat:write",
    "users:read",
    "metadata.message:read",
)
"""The default scopes of the bot token."""


class SlackError(Exception):
    """A response with `ok: false`."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


class RateLimited(Exception):
    """A response with HTTP 429 and Retry-After."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"retry after {seconds} s")
        self.seconds = seconds


class Arguments:
    """The arguments of one call, from the query, a form or a JSON body."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """Return an argument as text."""
        value = self._values.get(name)
        return default if value is None else str(value)

    def number(self, name: str, default: int, maximum: int) -> int:
        """Return an argument as an integer >= 1, capped at `maximum`; raises SlackError."""
        text = self.text(name, str(default))
        if not text.isdecimal() or not int(text) >= 1:
            raise SlackError("invalid_limit")
        return min(int(text), maximum)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an argument as a boolean."""
        return self.text(name, str(default)).lower() in ("true", "1")

    def structure(self, name: str, error: str) -> Any:
        """Return a JSON argument, or None if absent; raises SlackError with `error`."""
        value = self._values.get(name)
        if isinstance(value, str):
            try:
                return orjson.loads(value) if value else None
            except orjson.JSONDecodeError:
                raise SlackError(error) from None
        return value


@dataclass(frozen=True)
class Method:
    """One method with its required scope and token."""

    run: Callable[[Arguments], dict[str, Any]]
    scope: str | None = None
    app_token: bool = False


@dataclass
class Access:
    """The tokens and scopes of the app."""

    bot_token: str = SLACK_BOT_TOKEN
    app_token: str = SLACK_APP_TOKEN
    revoked: bool = False
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))

    def require(self, scope: str) -> None:
        """Raise SlackError if the bot token lacks the scope."""
        if scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise SlackError("missing_scope", needed=scope, provided=provided)

    def check(self, token: str, *, app: bool) -> None:
        """Raise SlackError if the token is invalid or of the wrong kind."""
        if not token:
            raise SlackError("not_authed")
        if token not in (self.bot_token, self.app_token):
            raise SlackError("invalid_auth")
        if self.revoked:
            raise SlackError("token_revoked")
        if (token == self.app_token) != app:
            raise SlackError("not_allowed_token_type")


class WebApi:
    """Serves `/api/{method}`."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        access: Access,
        clock: Clock,
        faults: Faults,
        log: Log,
    ) -> None:
        self._methods = methods
        self._access = access
        self._clock = clock
        self._faults = faults
        self._log = log

    async def call(self, request: web.Request) -> web.Response:
        """Serve one call: errors get HTTP 200 and `ok: false`, rate limits 429."""
        name = request.match_info["method"]
        arguments = Arguments({})
        try:
            method = self._methods.get(name)
            if method is None:
                raise SlackError("unknown_method", req_method=name)
            values = await _values(request)
            arguments = Arguments(values)
            self._access.check(_token(request, values), app=method.app_token)
            faulty = self._inject_fault(request, name)
            if faulty is not None:
                return faulty
            if method.scope is not None:
                self._access.require(method.scope)
            body = {"ok": True} | method.run(arguments)
        except SlackError as error:
            self._log_refusal(name, arguments, 200, error.error, None)
            return self._respond({"ok": False, "error": error.error} | error.more)
        except RateLimited as limit:
            self._log_refusal(name, arguments, 429, "ratelimited", limit.seconds)
            return _rate_limited(limit.seconds)
        if name == "chat.postMessage" and self._faults.hit("lost-answer", "slack", name):
            if self._faults.pick(("reset", "5xx")) == "reset":
                return drop_connection(request)
            return web.Response(status=503, text="upstream connect error")
        if self._faults.hit("slow", "slack", name):
            await self._clock.sleep(self._faults.seconds())
        return self._respond(body)

    def _inject_fault(self, request: web.Request, name: str) -> web.Response | None:
        """Return the response of an injected fault, before the method runs, or None."""
        if self._faults.hit("disconnect", "slack", name):
            return drop_connection(request)
        if self._faults.hit("429", "slack", name):
            return _rate_limited(1)
        if self._faults.hit("5xx", "slack", name):
            shape = self._faults.pick(("json", "html", "ok:false"))
            if shape != "html":
                body = {"ok": False, "error": "internal_error"}
                return json_response(body, 500 if shape == "json" else 200)
            page = "<html><body>Service Unavailable</body></html>"
            return web.Response(status=503, text=page, content_type="text/html")
        return None

    def _respond(self, body: dict[str, Any]) -> web.Response:
        return json_response(
            body, headers={"X-OAuth-Scopes": ",".join(sorted(self._access.scopes))}
        )

    def _log_refusal(
        self, name: str, arguments: Arguments, status: int, error: str, wait: float | None
    ) -> None:
        self._log.write(
            Refused(
                platform="slack",
                method=name,
                status=status,
                error=error,
                channel=arguments.text("channel") or None,
                retry_after=wait,
            )
        )


def _rate_limited(seconds: int) -> web.Response:
    body = {"ok": False, "error": "ratelimited"}
    return json_response(body, 429, {"Retry-After": str(seconds)})


async def _values(request: web.Request) -> dict[str, Any]:
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = orjson.loads(await request.read() or b"{}")
        except orjson.JSONDecodeError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        return values | body
    return values | dict(await request.post())


def _token(request: web.Request, values: Mapping[str, Any]) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else str(values.get("token") or "")

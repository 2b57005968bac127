"""Access to the page: the token, the session cookie, Host and Origin checks, security headers.

The decisions are pure functions; `guard` and `set_headers` apply them.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from feedback_app.clock import Clock
from feedback_app.settings import LOOPBACK, Settings

COOKIE = "feedback_session"
SESSION_S = 7 * 24 * 3600
MAX_BODY_BYTES = 16 * 1024
MAX_PATH = 200
"""Characters of a path with its query; longer file names raise errors in the file system."""
OPEN_PATHS = ("/healthz", "/readyz", "/login")
OPEN_PREFIX = "/static/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "feedback",
}


def session(token: str, now: float) -> str:
    """Return a cookie value for a week: its end and a signature; it does not reveal the token."""
    end = str(int(now) + SESSION_S)
    return f"{end}.{_signature(token, end)}"


def session_holds(value: str, token: str, now: float) -> bool:
    """Whether a cookie value was signed with `token` and has not expired."""
    end, _, signature = value.partition(".")
    given = signature.encode("utf-8", "surrogatepass")
    valid = hmac.compare_digest(given, _signature(token, end).encode())
    return valid and end.isdecimal() and now < int(end)


def same(given: str, token: str) -> bool:
    """Compare two tokens in constant time."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest(),
        hashlib.sha256(token.encode()).digest(),
    )


def known_host(host: str, settings: Settings) -> bool:
    """Whether a Host header is valid for this page; on loopback only the names of loopback are.

    This prevents DNS rebinding: a foreign name that resolves to 127.0.0.1.
    """
    if settings.web_host not in LOOPBACK:
        return True
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in LOOPBACK


def own_origin(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something comes from this page, or not from a browser."""
    origin = headers.get("Origin")
    if origin is not None:
        _, _, place = origin.partition("://")
        return bool(place) and place == headers.get("Host")
    return headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")


def allowed(request: web.Request, token: str | None, now: float) -> bool:
    """Whether a request carries the token, as Bearer or session; always if no token is set."""
    if token is None:
        return True
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and same(given.strip(), token):
        return True
    return session_holds(request.cookies.get(COOKIE, ""), token, now)


def guard(settings: Settings, clock: Clock, refuse: Handler) -> Middleware:
    """Return the middleware; `refuse` answers requests without the token."""
    token = None if settings.web_token is None else settings.web_token.get_secret_value()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not known_host(request.headers.get("Host", ""), settings):
            raise web.HTTPMisdirectedRequest(
                text="This page answers to 127.0.0.1 and localhost only.\n"
            )
        if len(request.raw_path) > MAX_PATH:
            raise web.HTTPRequestURITooLong
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
        if request.method not in SAFE_METHODS and not own_origin(request.headers):
            raise web.HTTPForbidden(text="Requests from other pages change nothing here.\n")
        is_open = request.path in OPEN_PATHS or request.path.startswith(OPEN_PREFIX)
        if not is_open and not allowed(request, token, clock.time()):
            return await refuse(request)
        return await handler(request)

    return middleware


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the security headers of a response."""
    response.headers.update(HEADERS)
    is_file = request.path.startswith(OPEN_PREFIX)
    response.headers.setdefault("Cache-Control", "no-cache" if is_file else "no-store")


def _signature(token: str, end: str) -> str:
    key = hashlib.sha256(token.encode()).digest()
    return hmac.new(key, f"feedback page {end}".encode("utf-8", "replace"), "sha256").hexdigest()

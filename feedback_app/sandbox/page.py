"""Serves the sandbox's page: its Slack channels as a user sees them, and X's timeline."""

from importlib.resources import files

from aiohttp import web

FILES = {
    "index.html": "text/html",
    "style.css": "text/css",
    "page.js": "text/javascript",
    "blocks.js": "text/javascript",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def index(_: web.Request) -> web.Response:
    """GET /: the page itself."""
    return _file("index.html")


async def static(request: web.Request) -> web.Response:
    """GET /static/{name}: the assets of the page."""
    name = request.match_info["name"]
    if name not in FILES:
        raise web.HTTPNotFound
    return _file(name)


async def archive(request: web.Request) -> web.Response:
    """GET /archives/{channel}/p{ts}: open the page at a message, as a permalink does."""
    channel, ts = request.match_info["channel"], request.match_info["ts"]
    raise web.HTTPFound(f"/#{channel}/{ts[:-6]}.{ts[-6:]}")


def routes() -> list[web.RouteDef]:
    """Return the routes of the page."""
    return [
        web.get("/", index),
        web.get("/static/{name}", static),
        web.get("/archives/{channel:[A-Z0-9]+}/p{ts:[0-9]{7,}}", archive),
    ]


def _file(name: str) -> web.Response:
    text = (files("feedback_app.sandbox") / "static" / name).read_text("utf-8")
    return web.Response(text=text, content_type=FILES[name], charset="utf-8", headers=HEADERS)

"""The sandbox: one loopback server that serves both the X API and Slack."""

from typing import Unpack

from aiohttp import web
from aiohttp.typedefs import Handler

from feedback_app.sandbox import page
from feedback_app.sandbox.control import Control
from feedback_app.sandbox.view import Feed
from feedback_app.sandbox.world import Options, World

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Sandbox(World):
    """Stand-ins for the X API and Slack on one port; the addresses are valid after `start`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, **more: Unpack[Options]) -> None:
        """Nothing listens before `start`. See `World` for `more`."""
        super().__init__(**more)
        self._host = host
        self._port = port
        self._control = Control(self)
        self._feed = Feed(self)
        self._runner: web.AppRunner | None = None

    @property
    def x_url(self) -> str:
        """Replaces https://api.twitter.com."""
        return self.url

    @property
    def slack_url(self) -> str:
        """Replaces https://slack.com/api/."""
        return f"{self.url}/api/"

    async def start(self) -> None:
        """Listen; raises OSError if the port is in use."""
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[_local_names_only])
        app.add_routes([*self.x.routes(), *self.slack.routes(), *page.routes()])
        app.add_routes([web.get("/sandbox/events", self._feed.events), *self._control.routes()])
        # A stream whose client has gone must not block that client's next connection.
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://{self._host}:{self._port}"

    async def stop(self) -> None:
        """Stop listening, close every connection and the log."""
        await self._control.stop()
        await self.slack.sockets.stop()
        self.x.stream.cut()
        self._feed.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        self.log.close()


@web.middleware
async def _local_names_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for any other host name (DNS rebinding)."""
    if request.url.host not in LOOPBACK:
        raise web.HTTPForbidden(text="the sandbox answers to loopback addresses only")
    return await handler(request)

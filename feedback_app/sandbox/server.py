"""The sandbox: one loopback server that is X and Slack to the real clients."""

from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web

from feedback_app.sandbox.clock import Clock, SystemClock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.log import Log
from feedback_app.sandbox.slack.api import Slack
from feedback_app.sandbox.x.api import X


class Sandbox:
    """Stand-ins of the X API and of Slack on one port; `start` it, then hand out its addresses."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        posts_per_second: float | None = 1.0,
        faults: frozenset[str] = frozenset(),
        seed: int = 0,
        log_path: Path | None = None,
        clock: Clock | None = None,
        x: dict[str, Any] | None = None,
        slack: dict[str, Any] | None = None,
    ) -> None:
        """Make a sandbox; nothing listens before `start`.

        `posts_per_second` is what a Slack channel takes (None: no limit), `faults` are names of
        `faults.NAMES` or `all` (ValueError otherwise), `seed` decides every chance. `x` and `slack`
        are further keyword arguments of the two stand-ins, such as their delays.
        """
        self.clock: Clock = clock or SystemClock()
        self.log = Log(self.clock.now, log_path)
        # A source of chance each: what one side does leaves the other as it was.
        self.faults = Faults(faults, Random(f"faults {seed}"), self.log)  # noqa: S311
        self.x = X(
            self.clock,
            Random(f"x {seed}"),  # noqa: S311
            self.faults,
            self.log,
            lambda: self.x_url,
            **(x or {}),
        )
        self.slack = Slack(
            self.clock,
            Random(f"slack {seed}"),  # noqa: S311
            self.faults,
            self.log,
            lambda: self.url,
            posts_per_second=posts_per_second,
            **(slack or {}),
        )
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address of the page, without a slash at the end."""
        return f"http://{self._host}:{self._port}"

    @property
    def x_url(self) -> str:
        """What stands for https://api.twitter.com."""
        return self.url

    @property
    def slack_url(self) -> str:
        """What stands for https://slack.com/api/."""
        return f"{self.url}/api/"

    async def start(self) -> None:
        """Listen; raises OSError where the port is taken."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.add_routes([*self.x.routes(), *self.slack.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, end every connection and close the log."""
        await self.slack.sockets.stop()
        self.x.stream.cut()
        if self._runner is not None:
            await self._runner.cleanup()
        self.log.close()

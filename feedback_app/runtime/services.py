"""The web server of the worker, and a service around a coroutine that runs for ever."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from mode import Service

from feedback_app.settings import ConfigurationError, Settings


class WebServer(Service):
    """Serves the page and the probes; `attach` adds the routes."""

    def __init__(self, settings: Settings, attach: Callable[[web.Application], None]) -> None:
        super().__init__()
        self._settings = settings
        application = web.Application(client_max_size=64 * 1024)
        attach(application)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    @property
    def web_url(self) -> str:
        """The address of the page."""
        return f"http://{self._settings.web_host}:{self._settings.web_port}"

    async def on_start(self) -> None:
        """Listen; raises ConfigurationError if the port is taken."""
        await self._runner.setup()
        host, port = self._settings.web_host, self._settings.web_port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(
                f"cannot serve the page on {host}:{port} ({error.strerror}): "
                "set FEEDBACK_WEB_PORT to a free port"
            ) from None

    async def on_stop(self) -> None:
        """Close every connection."""
        await self._runner.cleanup()


class TaskService(Service):
    """Runs `first`, then `run`, which lasts as long as the worker."""

    def __init__(
        self, run: Callable[[], Awaitable[None]], first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        super().__init__()
        self._run, self._first = run, first

    @Service.task
    async def _task(self) -> None:
        if self._first is not None:
            await self._first()
        await self._run()

"""The worker's own services, started and stopped by Faust with the app."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from mode import Service

from feedback_app.clock import SystemClock
from feedback_app.dedupe import probe
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.admin import ensure_topics
from feedback_app.kafka.clients import producer
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topics
from feedback_app.settings import ConfigurationError, Settings
from models import OWNER, Cursor, InvalidRecord

log = logging.getLogger(__name__)

RETRY_S = 2.0


class WebServer(Service):
    """Serves the page and the probes from the first moment on."""

    def __init__(self, settings: Settings, attach: Callable[[web.Application], None]) -> None:
        super().__init__()
        self._settings = settings
        application = web.Application(client_max_size=64 * 1024)
        attach(application)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    @property
    def web_url(self) -> str:
        """Where the page is."""
        return f"http://{self._settings.web_host}:{self._settings.web_port}"

    async def on_start(self) -> None:
        """Listen; raises ConfigurationError where the port is taken."""
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


class Preflight(Service):
    """Everything that must hold before the first record is read."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        load: Callable[[], None],
        check: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__()
        self._settings, self._topics = settings, topics
        self._load, self._check = load, check
        self.waiting: str | None = None

    async def on_start(self) -> None:
        """Check the disk, topics, owner and channels, load the model.

        Raises ConfigurationError or ModelError.
        """
        await asyncio.to_thread(probe)
        loading = asyncio.get_running_loop().run_in_executor(None, self._load)
        checking = asyncio.ensure_future(self._check())
        try:
            await self._kafka()
        finally:
            await asyncio.wait({loading, checking})
        loading.result()
        checking.result()

    async def _kafka(self) -> None:
        while not self.should_stop:
            try:
                for name in await ensure_topics(self._settings, self._topics):
                    log.info("created topic %s", name)
                await own_prefix(self._settings, self._topics)
            except TransientError as fault:
                self.waiting = str(fault)
                log.warning("waiting for Kafka: %s", fault)
                await self.sleep(RETRY_S)
            else:
                self.waiting = None
                return


class Running(Service):
    """Runs something for as long as the worker, after what must come first."""

    def __init__(
        self, run: Callable[[], Awaitable[None]], first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        super().__init__()
        self._run, self._first = run, first

    @Service.task
    async def _running(self) -> None:
        if self._first is not None:
            await self._first()
        await self._run()


async def own_prefix(settings: Settings, topics: Topics) -> None:
    """Write this app id as the owner of the prefix, if it has none.

    Raises ConfigurationError where another app owns it, because it would repeat every alert.
    """
    owner = await _owner(settings, topics)
    if owner is None:
        record = Cursor(source=OWNER, position=settings.app_id)
        async with producer(settings) as sender:
            await sender.send_and_wait(topics.cursors.name, record.encode(), OWNER.encode())
        # Of two apps that start at once, the first in the log is the owner.
        owner = await _owner(settings, topics)
    if owner != settings.app_id:
        raise ConfigurationError(
            f"the topics {settings.topic_prefix}* belong to the app {owner!r}, and a second one "
            f"would repeat every alert: set FEEDBACK_APP_ID={owner} to join it, or another "
            "FEEDBACK_TOPIC_PREFIX"
        )


async def _owner(settings: Settings, topics: Topics) -> str | None:
    found: list[str] = []

    def take(row: Row) -> None:
        if row.key == OWNER.encode():
            try:
                found.append(Cursor.decode(row.value).position)
            except InvalidRecord as error:
                log.warning("the owner's record cannot be read: %s", error)

    await TopicReader(settings, SystemClock()).read_to_high_watermark(
        topics.cursors.name, {0: 0}, None, take
    )
    return found[0] if found else None

"""The checks before the first record is read: disk, topics, prefix owner, channels, model."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mode import Service

from feedback_app import dedupe_store as dedupe
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


class Preflight(Service):
    """Starts once everything that a worker needs is there.

    `load_model` blocks, so it runs in a thread. `blocked_by` says why Kafka is waited for, None
    while it is not.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        reader: TopicReader,
        load_model: Callable[[], None],
        check_channels: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__()
        self._settings, self._topics, self._reader = settings, topics, reader
        self._load_model, self._check_channels = load_model, check_channels
        self.blocked_by: str | None = None

    async def on_start(self) -> None:
        """Check everything; an outage of Kafka is waited out.

        Raises ConfigurationError or ModelError.
        """
        await asyncio.to_thread(dedupe.probe)
        loading = asyncio.get_running_loop().run_in_executor(None, self._load_model)
        checking = asyncio.ensure_future(self._check_channels())
        try:
            await self._check_kafka()
        finally:
            await asyncio.wait({loading, checking})
        loading.result()
        checking.result()

    async def _check_kafka(self) -> None:
        while not self.should_stop:
            try:
                for name in await ensure_topics(self._settings, self._topics):
                    log.info("created topic %s", name)
                await own_prefix(self._settings, self._topics, self._reader)
            except TransientError as error:
                self.blocked_by = str(error)
                log.warning("waiting for Kafka: %s", error)
                await self.sleep(RETRY_S)
            else:
                self.blocked_by = None
                return


async def own_prefix(settings: Settings, topics: Topics, reader: TopicReader) -> None:
    """Record this app id as the owner of the topic prefix, unless it has one.

    Raises ConfigurationError if another app owns it, because it would repeat every alert.
    """
    owner = await _owner(topics, reader)
    if owner is None:
        record = Cursor(source=OWNER, position=settings.app_id)
        async with producer(settings) as sender:
            await sender.send_and_wait(topics.cursors.name, record.encode(), OWNER.encode())
        # If two apps start at once, the first in the log is the owner.
        owner = await _owner(topics, reader)
    if owner != settings.app_id:
        raise ConfigurationError(
            f"the topics {settings.topic_prefix}* belong to the app {owner!r}, and a second one "
            f"would repeat every alert: set FEEDBACK_APP_ID={owner} to join it, or another "
            "FEEDBACK_TOPIC_PREFIX"
        )


async def _owner(topics: Topics, reader: TopicReader) -> str | None:
    """Return the app id of the first owner in the log, None if there is none."""
    owners: list[str] = []

    def collect(row: Row) -> None:
        if row.key == OWNER.encode():
            try:
                owners.append(Cursor.decode(row.value).position)
            except InvalidRecord as error:
                log.warning("the owner's record cannot be read: %s", error)

    await reader.read_to_high_watermark(topics.cursors.name, {0: 0}, None, collect)
    return owners[0] if owners else None

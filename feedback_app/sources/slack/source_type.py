"""The row of the registry for Slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feedback_app.settings import Settings
from feedback_app.sources.slack.options import SlackOptions
from feedback_app.sources.source_type import Run, SourceType

if TYPE_CHECKING:
    from feedback_app.sources.dependencies import ServiceContext


def _socket(given: ServiceContext) -> Sequence[Run]:
    from feedback_app.sources.slack.index_loader import MessageIndexLoader
    from feedback_app.sources.slack.socket import SlackSocket

    socket = SlackSocket(given.context, given.connections.total, leading=given.leading)
    given.connections.own = lambda: socket.connections
    index = socket.event_handler.index
    loader = MessageIndexLoader(given.context, given.reader, index, given.leading)

    async def listen() -> None:
        # Without the index the first read of the history would send a whole day again.
        await loader.loaded.wait()
        await socket.run()

    return [loader.run, listen]


def _seed(settings: Settings) -> Mapping[str, Any] | None:
    if not settings.slack_channels:
        return None
    return {
        "id": "slack",
        "type": "slack",
        "channels": settings.slack_channels,
        "keyword": settings.slack_keyword,
    }


SLACK = SourceType(options=SlackOptions, services=(_socket,), one_worker_is_enough=True, seed=_seed)

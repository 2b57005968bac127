"""The rows of the registry for X."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feedback_app.settings import Settings
from feedback_app.sources.source_type import Run, SourceType
from feedback_app.sources.x.gap import GAP
from feedback_app.sources.x.options import XOptions, XSearchOptions, XStreamOptions
from feedback_app.sources.x.quota import XQuota

if TYPE_CHECKING:
    from feedback_app.sources.dependencies import ServiceContext, SourceDependencies
    from feedback_app.sources.protocol import PolledSource

STREAM_POLL_S = 300.0
"""How often a stream's query is searched as well, to close the gaps of its connection."""


def _search(options: XOptions, dependencies: SourceDependencies) -> PolledSource:
    from feedback_app.sources.x.search import build

    return build(options, dependencies)


def _stream(given: ServiceContext) -> Sequence[Run]:
    from feedback_app.sources.x.stream import XStream

    return [XStream(given.context, given.leading).run]


def _compliance(given: ServiceContext) -> Sequence[Run]:
    from feedback_app.sources.x.compliance import XCompliance
    from feedback_app.sources.x.post_index import PostIndex

    index = PostIndex(given.reader, given.context.topics.scored)
    return [XCompliance(given.context, given.leading, index).run]


def _search_interval(options: XOptions, settings: Settings) -> float | None:
    return options.poll_seconds or settings.x_poll_seconds


def _stream_interval(options: XOptions, settings: Settings) -> float | None:
    return options.poll_seconds or STREAM_POLL_S if options.searched else None


def _seed(settings: Settings) -> Mapping[str, Any] | None:
    if not settings.x_query:
        return None
    return {
        "id": "x",
        "type": "x-search",
        "query": settings.x_query,
        "start": settings.x_start,
    }


QUOTA = XQuota()

SEARCH = SourceType(
    options=XSearchOptions,
    polled=_search,
    interval=_search_interval,
    services=(_compliance,),
    quota=QUOTA,
    gap=GAP,
    seed=_seed,
)
STREAM = SourceType(
    options=XStreamOptions,
    polled=_search,
    interval=_stream_interval,
    services=(_stream, _compliance),
    quota=QUOTA,
    gap=GAP,
    services_report=True,
)

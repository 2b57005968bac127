"""The types of source: one table for the built-in ones and for those that packages add."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from feedback_app.settings import ConfigurationError, Settings, SourceOptions
from feedback_app.sources.source_type import Run, SourceType

if TYPE_CHECKING:
    from feedback_app.sources.dependencies import ServiceContext

ENTRY_POINTS = "feedback_app.sources"
"""The group of entry points; the object of each is a `SourceType`."""

BUILT_IN = {
    name: EntryPoint(name, value, ENTRY_POINTS)
    for name, value in (
        ("x-search", "feedback_app.sources.x.source_types:SEARCH"),
        ("x-stream", "feedback_app.sources.x.source_types:STREAM"),
        ("slack", "feedback_app.sources.slack.source_type:SLACK"),
    )
}


@cache
def find(name: str) -> SourceType[Any]:
    """Return a source type; raises ConfigurationError for one that is not there."""
    point = BUILT_IN.get(name) or next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
    if point is None:
        raise ConfigurationError(
            f"unknown source type {name!r}: use x-search, x-stream or slack, or install the "
            f"package that has the entry point {name!r} in the group {ENTRY_POINTS}"
        )
    try:
        kind = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"source type {name!r}: {point.value} cannot be loaded: {error}"
        ) from None
    if not isinstance(kind, SourceType):
        raise ConfigurationError(
            f"source type {name!r}: {point.value} is no SourceType; see "
            "feedback_app/sources/protocol.py"
        )
    return kind


def options_of(row: Mapping[str, Any]) -> SourceOptions:
    """Return the options in a `[[sources]]` table.

    Raises ValidationError, or ConfigurationError for an unknown type.
    """
    name = row.get("type")
    kind = find(name).options if isinstance(name, str) else SourceOptions
    options: SourceOptions = kind.model_validate(row)
    return options


def seeds(settings: Settings) -> list[Mapping[str, Any]]:
    """Return the `[[sources]]` tables that environment variables stand for."""
    found = (find(name).seed(settings) for name in BUILT_IN)
    return [row for row in found if row is not None]


def services(settings: Settings, given: ServiceContext) -> list[Run]:
    """Return what runs beside the stages for the sources; raises ConfigurationError."""
    makers = dict.fromkeys(
        make for source in settings.sources for make in find(source.type).services
    )
    return [run for make in makers for run in make(given)]

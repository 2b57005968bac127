"""The types of source: the built-in ones, and those that packages add by an entry point."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Protocol

from feedback_app.settings import ConfigurationError, Source
from feedback_app.sources.base import PolledSource
from feedback_app.sources.kit import Kit
from feedback_app.sources.x import search as x_search
from models import OWNER

ENTRY_POINTS = "feedback_app.sources"
SEARCH_QUERY = 512
"""The longest query that recent search takes, in characters."""


class PolledFactory(Protocol):
    """Makes a polled source from its configuration; an entry point's object is one."""

    def __call__(self, source: Source, kit: Kit) -> PolledSource:
        """Return the source; raises ConfigurationError."""


def factory(kind: str) -> PolledFactory:
    """Return what makes polled sources of a type; raises ConfigurationError for an unknown one."""
    # A stream's query is searched as well: that closes the gaps of its connection.
    if kind in ("x-search", "x-stream"):
        return x_search.build
    for found in entry_points(group=ENTRY_POINTS, name=kind):
        made: PolledFactory = found.load()
        return made
    raise ConfigurationError(
        f"unknown source type {kind!r}: use x-search, x-stream or slack, or install the package "
        f"that has the entry point {kind!r} in the group {ENTRY_POINTS}"
    )


def is_polled(source: Source) -> bool:
    """Whether requests on `polls` are written for the source."""
    if source.type == "x-stream":
        return len(source.query or "") <= SEARCH_QUERY
    return source.type != "slack"


def check(sources: Sequence[Source]) -> None:
    """Raise ConfigurationError unless every source has a type that is there and a free id."""
    for source in sources:
        if source.id == OWNER:
            raise ConfigurationError(f"source {source.id}: this id is taken, choose another")
        if is_polled(source):
            factory(source.type)

"""The keys of the `[[sources]]` tables of X."""

from typing import ClassVar

from pydantic import Field, model_validator

from feedback_app.settings import SearchStart, SourceOptions
from feedback_app.sources.x.limits import SEARCH_QUERY, STREAM_RULE


class XOptions(SourceOptions):
    """The keys of every source of X. Recent search closes a stream's gaps with the same query."""

    longest: ClassVar[int]

    query: str
    start: SearchStart = "now"
    """Where a source that has no cursor starts: `now`, or so far back (`1h`, at most `7d`)."""
    poll_seconds: float | None = Field(default=None, gt=0)

    @property
    def searched(self) -> bool:
        """Whether the query is short enough for recent search."""
        return len(self.query) <= SEARCH_QUERY

    @model_validator(mode="after")
    def _query_fits(self) -> "XOptions":
        if not self.query:
            raise ValueError(f"source {self.id}: {self.type} needs a query")
        if len(self.query) > self.longest:
            raise ValueError(f"source {self.id}: the query is over {self.longest} characters")
        return self


class XSearchOptions(XOptions):
    """A source of the type `x-search`."""

    longest = SEARCH_QUERY

    query: str
    """The search query, of at most 512 characters."""
    poll_seconds: float | None = Field(default=None, gt=0)
    """Seconds between two polls; FEEDBACK_X_POLL_SECONDS unless set."""


class XStreamOptions(XOptions):
    """A source of the type `x-stream`."""

    longest = STREAM_RULE

    query: str
    """The stream rule, of at most 1,024 characters; one of at most 512 is searched as well, to
    close the gaps of the connection."""
    poll_seconds: float | None = Field(default=None, gt=0)
    """Seconds between two such searches; 300 unless set."""

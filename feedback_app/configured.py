"""The forms that settings take: durations, channels, and the tables of sources and rules."""

import re
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from feedback_app.durations import Duration, seconds_of

CHANNEL_FORM = re.compile(r"#[^\s#,]{1,80}|[CG][A-Z0-9]{5,}")


def _channel(value: str) -> str:
    if not CHANNEL_FORM.fullmatch(value):
        raise ValueError(f"{value!r} is no channel: write #name or an id such as C0123456789")
    return value


def _listed(value: object) -> object:
    return (
        [part for part in re.split(r"[\s,]+", value) if part] if isinstance(value, str) else value
    )


def within_a_week(start: str) -> str:
    """Return a start that X can search from; raises ValueError."""
    if start != "now" and seconds_of(start) > 7 * 86400:
        raise ValueError(f"{start} is further back than X can search: at most 7d")
    return start


Channel = Annotated[str, BeforeValidator(_channel)]
Channels = Annotated[tuple[Channel, ...], BeforeValidator(_listed)]


class Source(BaseModel):
    """One source of feedback (`[[sources]]` in the TOML file)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """The name of the source in accounts, on the page and in `feedback sources`."""
    type: str
    """`x-search`, `x-stream`, `slack`, or the name of an entry point `feedback_app.sources`."""
    query: str | None = None
    """X: the search query or stream rule."""
    start: str = Field(default="now", pattern=r"^(now|\d+[smhd])$")
    """X: where a source that has no cursor starts: `now`, or so far back (`1h`, at most `7d`)."""
    poll_seconds: float | None = Field(default=None, gt=0)
    """X: seconds between two polls; FEEDBACK_X_POLL_SECONDS unless set."""
    channel: Channel | None = None
    """Slack: the channel to listen on."""
    channels: Channels = ()
    """Slack: several channels to listen on, as one source."""
    keyword: str | None = None
    """Slack: take only messages that contain this word, whatever its case."""
    pattern: str | None = None
    """Slack: take only messages in which this regular expression is found."""
    silent_after: Duration | None = None
    """How long a silence is worth a notice; learned from the source's rhythm unless set."""

    @property
    def listens(self) -> tuple[str, ...]:
        """The Slack channels that this source listens on."""
        return self.channels if self.channel is None else (self.channel, *self.channels)

    @field_validator("start")
    @classmethod
    def _within_reach(cls, value: str) -> str:
        return within_a_week(value)

    @model_validator(mode="after")
    def _complete(self) -> "Source":
        if self.type in ("x-search", "x-stream"):
            limit = 512 if self.type == "x-search" else 1024
            if not self.query:
                raise ValueError(f"source {self.id}: {self.type} needs a query")
            if len(self.query) > limit:
                raise ValueError(f"source {self.id}: the query is over {limit} characters")
        if self.type == "slack" and not self.listens:
            raise ValueError(f"source {self.id}: slack needs a channel")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"source {self.id}: pattern: {error}") from error
        return self


class Rule(BaseModel):
    """One alert rule (`[[rules]]` in the TOML file, beside the two of the environment)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """The name of the rule, part of each alert id."""
    channel: Channel
    """The Slack channel that its alerts go to. Leave it as it is written: once it is renamed, or
    written as an id instead of a name, messages posted before are not edited or withdrawn any
    more."""
    below: float | None = Field(default=None, ge=0, le=1)
    """Alert where the score is below this."""
    above: float | None = Field(default=None, ge=0, le=1)
    """Alert where the score is above this."""
    source: str | None = None
    """Only feedback of this source id."""

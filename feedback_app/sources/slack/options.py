"""The keys of a `[[sources]]` table of the type `slack`."""

import re
from typing import Annotated

from pydantic import AfterValidator, model_validator

from feedback_app.settings import Listed, SourceOptions
from feedback_app.slack.channel import checked

Channel = Annotated[str, AfterValidator(checked)]
"""A Slack channel: `#name` or its id."""


class SlackOptions(SourceOptions):
    """A source of the type `slack`."""

    channel: Channel | None = None
    """The channel to listen on."""
    channels: Annotated[tuple[Channel, ...], Listed] = ()
    """Several channels to listen on, as one source."""
    keyword: str | None = None
    """Take only messages that contain this word, whatever its case."""
    pattern: str | None = None
    """Take only messages in which this regular expression is found."""

    @property
    def listens(self) -> tuple[str, ...]:
        """The Slack channels that this source listens on."""
        return self.channels if self.channel is None else (self.channel, *self.channels)

    @model_validator(mode="after")
    def _complete(self) -> "SlackOptions":
        if not self.listens:
            raise ValueError(f"source {self.id}: slack needs a channel")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"source {self.id}: pattern: {error}") from error
        return self

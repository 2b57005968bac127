"""A row of the table of receivers; importing it brings no client and no record."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedback_app.settings import Settings

if TYPE_CHECKING:
    from feedback_app.alerting.receivers.base import Receiver


@dataclass(frozen=True, slots=True)
class ReceiverKind:
    """A kind of receiver, the form of its channels, how one is made."""

    name: str
    channel_form: re.Pattern[str]
    """Matches its channels as configured and their ids, and no channel of another kind."""
    form_in_words: str
    """The form for a person: what to write."""
    posts_per_second: Callable[[Settings], float]
    """Returns the pace of each channel; 0 means none."""
    missing: Callable[[Settings], str | None]
    """Returns which setting it cannot deliver without, and what to do, if that is not set."""
    build: "Callable[[Settings], Receiver]"
    """Makes one without the network. It imports the client itself: checking settings does not."""

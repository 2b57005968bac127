"""What a receiver of alerts must be able to do. Everything else in alerting knows only this.

A new kind of receiver is a module with a class that does this and a `ReceiverKind`, and a row in
`kinds`. `tests/contract/receivers` runs on every kind.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from feedback_app.alerting.outcome import Outcome
from models import Alert

Rendered = Any
"""A message as its receiver renders it; only that receiver looks inside."""
Purpose = Literal["alert", "notice"]
"""What a message is for; a receiver stores it with the message."""


class FoundMessage(NamedTuple):
    """A message of ours that stands in a channel.

    `ts` is the receiver's id of it, `lookup` the id that it was rendered with.
    """

    ts: str
    lookup: str


class FindFailed(Exception):
    """The messages of a channel could not be read; `outcome` (never Done) says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Resolved:
    """Channels that were looked up: {as configured: id}, and why the others have none."""

    ids: dict[str, str]
    unknown: dict[str, str] = field(default_factory=dict)
    """{as configured: one line that says what to do}; a channel is in `ids` or in here."""


class Renderer(Protocol):
    """Turns alerts into messages. Pure.

    Untrusted text pings, links and runs nothing, whatever it contains, and every message keeps
    to the receiver's limits. A message carries its lookup id, by which `Receiver.find` finds it.
    """

    @property
    def max_digest(self) -> int:
        """The number of lines that a digest may have."""

    def single(self, alert: Alert) -> Rendered:
        """Return the message of one alert; its lookup id is the alert's."""

    def withdrawal(self, alert: Alert) -> Rendered:
        """Return what replaces the message of a retracted alert, without its text."""

    def digest(self, lookup: str, revision: int, members: Sequence[tuple[str, str]]) -> Rendered:
        """Return one message for many alerts; `members` is (alert id, its line)."""

    def line(self, alert: Alert) -> str:
        """Return an alert's line in a digest. It is kept in the topic `deliveries`."""

    def withdrawn_line(self, alert: Alert) -> str:
        """Return what replaces the line of a retracted alert, without its text."""

    def notice(self, lookup: str, text: str) -> Rendered:
        """Return the message of a notice about the app itself."""


class Receiver(Renderer, Protocol):
    """A service that shows alerts in channels. Lives on one event loop.

    `post`, `update` and `delete` make one attempt each, raise nothing and say what certainly
    became of it:

    - Done: carried out.
    - NotDone: certainly nothing happened; the caller tries again, after `retry_after` if given.
    - Refused: certainly nothing happened, and this request never passes. `whole_channel` says that
      no message passes into the channel; `gone` that the message to change does not exist.
    - Uncertain: it may have happened. The caller finds out with `find`, and neither repeats the
      request before nor takes it for done.
    """

    @property
    def name(self) -> str:
        """Its short name on the page and in log lines: `slack`."""

    @property
    def title(self) -> str:
        """Its name in a sentence: `Slack`."""

    def is_id(self, channel: str) -> bool:
        """Whether a channel of this receiver's form is an id, which needs no look-up."""

    async def resolve(self, names: Collection[str], *, verify: bool = False) -> Resolved:
        """Return the ids of channels as configured; one that is unknown fails no other.

        Ids stand for themselves, unless `verify` asks to look for them too. A channel that
        takes no messages has an id nevertheless: posts into it are refused.

        Raises ConfigurationError where a person must allow the look-up, TransientError where the
        receiver fails.
        """

    async def post(self, channel: str, message: Rendered, may_send: Callable[[], bool]) -> Outcome:
        """Post into a channel id, unless `may_send` refuses.

        `may_send` is asked right before the first byte of the request is sent, after everything
        that takes time. Where it refuses, nothing is sent and the outcome is NotDone.
        """

    async def find(
        self, channel: str, since: float, purpose: Purpose = "alert"
    ) -> list[FoundMessage]:
        """Return our messages of a purpose in a channel since a Unix time, oldest first.

        All of them, however many pages that takes. A message may show up some seconds late.
        Raises FindFailed: Refused where the channel can never be read.
        """

    async def update(self, channel: str, ts: str, message: Rendered) -> Outcome:
        """Replace a message."""

    async def delete(self, channel: str, ts: str) -> Outcome:
        """Delete a message."""

    async def close(self) -> None:
        """Close the connections; a later request opens new ones."""

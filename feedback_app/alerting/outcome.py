"""What certainly became of a request to a receiver. Pure."""

from typing import NamedTuple


class Done(NamedTuple):
    """It was carried out; `ts` names the message."""

    ts: str


class NotDone(NamedTuple):
    """Certainly nothing happened, and a later attempt can pass."""

    error: str
    retry_after: float | None = None
    """Seconds that the receiver asked for, if it did."""


class Refused(NamedTuple):
    """Certainly nothing happened, and this request will never pass."""

    error: str
    """The receiver's word for it."""
    whole_channel: bool
    """Whether no message passes into this channel, rather than this message only."""
    gone: bool = False
    """Whether the message that was to be changed does not exist any more."""


class Uncertain(NamedTuple):
    """It may have happened."""

    error: str


Outcome = Done | NotDone | Refused | Uncertain


def retry_after(outcome: Outcome) -> float | None:
    """Return the seconds that the receiver asked to wait, None where it did not."""
    return outcome.retry_after if isinstance(outcome, NotDone) else None


def described(outcome: Outcome) -> str:
    """Return an outcome in words for the page."""
    return "done" if isinstance(outcome, Done) else outcome.error

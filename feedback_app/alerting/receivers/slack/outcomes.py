"""A failed call to Slack as the outcome that the outbox acts on. Pure."""

from feedback_app.alerting.outcome import NotDone, Outcome, Refused, Uncertain
from feedback_app.slack.errors import Failure, Meaning

DEFAULT_RETRY_AFTER_S = 1.0


def outcome_of(failure: Failure) -> Outcome:
    """Return what certainly became of the request; never Done."""
    match failure.meaning:
        case Meaning.TRANSIENT:
            return NotDone(failure.reason, _asked_for(failure))
        case Meaning.UNCERTAIN:
            return Uncertain(failure.reason)
        case Meaning.CHANNEL:
            return Refused(failure.reason, whole_channel=True)
        case Meaning.GONE:
            return Refused(failure.reason, whole_channel=False, gone=True)
        case Meaning.MESSAGE:
            return Refused(failure.reason, whole_channel=False)


def _asked_for(failure: Failure) -> float | None:
    if failure.status != 429:
        return None
    asked = failure.retry_after
    return DEFAULT_RETRY_AFTER_S if asked is None else max(0.0, asked)

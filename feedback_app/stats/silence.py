"""Whether a source has been quiet for longer than its rhythm allows. Pure."""

from typing import NamedTuple

from feedback_app.settings import SourceOptions
from feedback_app.stats.baseline import LEAST_S, heard_at, silent_after
from feedback_app.stats.ledger import Ledger
from models import from_rfc3339


class Silence(NamedTuple):
    """How things stand with a source, in Unix seconds and seconds.

    `heard` is when the last message came, `since` when the silence is counted from, each None where
    nothing is known; `limit` is how long a silence may last, or less where it has not lasted.
    """

    heard: float | None
    since: float | None
    limit: float
    too_long: bool


def silence(
    ledger: Ledger,
    source: SourceOptions,
    last_message_at: str | None,
    watched: float | None,
    now: float,
) -> Silence:
    """Return a source's silence at `now`.

    `last_message_at` is what a worker says. What was before `watched` counts as heard, because who
    began to watch then cannot know; with None only a message ends a silence.
    """
    arrivals = ledger.arrivals(source.id)
    said = None if last_message_at is None else from_rfc3339(last_message_at)
    heard = heard_at(None if arrivals is None else arrivals.last, said, now)
    since = heard if watched is None else max(heard or 0.0, watched)
    if source.silent_after is None and since is not None and now - since < LEAST_S:
        return Silence(heard, since, LEAST_S, False)  # whatever its rhythm is
    limit = silent_after(source.silent_after, None if arrivals is None else arrivals.counts())
    return Silence(heard, since, limit, since is None or now - since >= limit)

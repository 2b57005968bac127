"""Whether a source has been silent for longer than its baseline allows. Pure."""

from typing import NamedTuple

from feedback_app.settings import SourceOptions
from feedback_app.stats.baseline import MIN_SILENCE_S, heard_at, silent_after
from feedback_app.stats.ledger import Ledger
from models import from_rfc3339


class Silence(NamedTuple):
    """The silence of a source.

    `heard` is the time of the last message and `since` the start of the silence, in Unix seconds
    or None if unknown. `limit` is how long a silence may last, in seconds; it may be too low if the
    silence is shorter than that.
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

    `last_message_at` is reported by a worker. A silence starts at `watched` at the earliest,
    because earlier messages may be unknown; with `watched` None it starts at the last message.
    """
    arrivals = ledger.arrivals(source.id)
    reported = None if last_message_at is None else from_rfc3339(last_message_at)
    heard = heard_at(None if arrivals is None else arrivals.last, reported, now)
    since = heard if watched is None else max(heard or 0.0, watched)
    if source.silent_after is None and since is not None and now - since < MIN_SILENCE_S:
        return Silence(heard, since, MIN_SILENCE_S, False)  # whatever its baseline
    limit = silent_after(source.silent_after, None if arrivals is None else arrivals.counts())
    return Silence(heard, since, limit, since is None or now - since >= limit)

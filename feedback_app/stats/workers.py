"""Since when the live workers have been running. Pure."""

from collections.abc import Iterable

from models import WorkerStatus, from_rfc3339


def watched_since(live: Iterable[WorkerStatus], now: float) -> float:
    """Return the start of the oldest live worker, in Unix seconds; `now` if there is none."""
    return min((from_rfc3339(status.started_at) for status in live), default=now)

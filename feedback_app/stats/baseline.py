"""How long a source may be quiet before that is worth a notice. Pure; times in seconds."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

MINUTE_S = 60.0
LEAST_S = 600.0
"""No silence shorter than this is worth a notice, unless somebody set it."""
TIMES = 3.0
SHARE = 0.99


def usual_gap(counts: NDArray[np.int32]) -> float | None:
    """Return the 99th percentile of the gaps between messages, given the messages a minute.

    The nearest rank, so of fewer than a hundred gaps it is the longest. Where `n` messages share a
    minute, their gaps count as equal parts of it. None where fewer than two messages are known.
    """
    active = np.flatnonzero(counts > 0)
    if active.size == 0:
        return None
    many = counts[active]
    gaps = np.concatenate([np.diff(active) * MINUTE_S, MINUTE_S / many])
    weights = np.concatenate([np.ones(active.size - 1, dtype=np.int64), many.astype(np.int64) - 1])
    total = int(weights.sum())
    if not total:
        return None
    order = np.argsort(gaps, kind="stable")
    reached = np.cumsum(weights[order])
    rank = int(np.ceil(SHARE * total))
    return float(gaps[order][np.searchsorted(reached, rank)])


def silent_after(configured: timedelta | None, counts: NDArray[np.int32] | None) -> float:
    """Return how long a silence of this source is worth a notice."""
    if configured is not None:
        return configured.total_seconds()
    gap = None if counts is None else usual_gap(counts)
    return max(LEAST_S, TIMES * (gap or 0.0))


def heard_at(minute: int | None, said: float | None, now: float) -> float | None:
    """Return when the last message came, as late as it can have been.

    `minute` is the newest minute with a message (since 1970), and outlives restarts; `said` is when
    the last message was written as a live worker knows it, more exact and not always known.
    """
    if minute is None:
        return said
    start = minute * MINUTE_S
    if said is not None and said >= start:
        return min(said, now)
    return min(start + MINUTE_S, now)

"""A source's baseline gap, and how long a silence may last. Pure; times in seconds."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

MINUTE_S = 60.0
MIN_SILENCE_S = 600.0
"""No shorter silence raises a notice, unless the source's settings say so."""
GAP_FACTOR = 3.0
"""A silence may last this many baseline gaps."""
QUANTILE = 0.99


def baseline_gap(counts: NDArray[np.int32]) -> float | None:
    """Return the 99th percentile of the gaps between messages, given the messages per minute.

    By nearest rank, so it is the longest of fewer than a hundred gaps. The gaps between `n`
    messages of one minute count as equal parts of it. None for fewer than two messages.
    """
    active = np.flatnonzero(counts > 0)
    if active.size == 0:
        return None
    per_minute = counts[active].astype(np.int64)
    gaps = np.concatenate([np.diff(active) * MINUTE_S, MINUTE_S / per_minute])
    weights = np.concatenate([np.ones(active.size - 1, dtype=np.int64), per_minute - 1])
    total = int(weights.sum())
    if not total:
        return None
    order = np.argsort(gaps, kind="stable")
    reached = np.cumsum(weights[order])
    rank = int(np.ceil(QUANTILE * total))
    return float(gaps[order][np.searchsorted(reached, rank)])


def silent_after(configured: timedelta | None, counts: NDArray[np.int32] | None) -> float:
    """Return how long a silence of this source may last; `configured` overrides the baseline."""
    if configured is not None:
        return configured.total_seconds()
    gap = None if counts is None else baseline_gap(counts)
    return max(MIN_SILENCE_S, GAP_FACTOR * (gap or 0.0))


def heard_at(minute: int | None, reported: float | None, now: float) -> float | None:
    """Return the latest possible time of the last message, in Unix seconds, or None.

    `minute` is the newest minute with a message (since 1970), which survives restarts. `reported`
    is the creation time of the last message as reported by a live worker: more exact, if known.
    """
    if minute is None:
        return reported
    start = minute * MINUTE_S
    if reported is not None and reported >= start:
        return min(reported, now)
    return min(start + MINUTE_S, now)

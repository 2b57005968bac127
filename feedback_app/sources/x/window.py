"""Which ids a poll must cover, and where the cursor is after it. Pure."""

from dataclasses import dataclass, replace

from feedback_app.durations import seconds_of
from feedback_app.sources.x.snowflake import is_synthetic, seconds, synthetic_id
from models import Cursor, rfc3339

OVERLAP_S = 60.0
"""How late X may index a post before a poll misses it."""
REACH_S = 7 * 86400.0 - 120.0
"""How far back recent search is asked to go; two minutes inside X's seven days."""
QUIET_S = 16 * 3600.0
"""The cursor of a query without a post for so long moves to a synthetic id, one of a time."""
SYNTHETIC_BEHIND_S = 15 * 3600.0
"""How far behind the present that id stands, because posts before it are never asked for: a clock
may be wrong by any time zone."""


@dataclass(frozen=True, slots=True)
class Window:
    """A poll reads the ids above `since`; `position` is the cursor that it starts from.

    Of unfinished pages, `newest` is the newest id of all and `until` the oldest one read so far.
    `gap_from` and `gap_to` (RFC 3339) bound what X no longer returns.
    """

    since: int
    position: int
    newest: int | None = None
    until: int | None = None
    gap_from: str | None = None
    gap_to: str | None = None


def window(cursor: Cursor | None, start: str, now: float) -> Window:
    """Return what a poll at `now` must cover; without a cursor from `start` on.

    Raises ValueError for a cursor that is not one of recent search.
    """
    if cursor is None:
        first = synthetic_id(max(now - start_seconds(start), now - REACH_S))
        return Window(since=first, position=first)
    position, until, newest = positions(cursor)
    # Nothing before a synthetic id is wanted, so it needs no overlap.
    back = position if is_synthetic(position) else synthetic_id(seconds(position) - OVERLAP_S)
    found = Window(back, position, newest, until, cursor.gap_from, cursor.gap_to)
    if position < synthetic_id(now - REACH_S):
        return within_reach(found, now)
    return replace(found, since=max(back, synthetic_id(now - REACH_S)))


def positions(cursor: Cursor) -> tuple[int, int | None, int | None]:
    """Return a cursor's position and, of unfinished pages, `until` and `newest`."""
    position, *rest = (int(part) for part in cursor.position.split("/"))
    until, newest = rest if rest else (None, None)
    return position, until, newest


def within_reach(covered: Window, now: float) -> Window:
    """Return the part of the window that X still returns; the rest becomes its gap."""
    oldest = synthetic_id(now - REACH_S)
    if covered.since >= oldest:
        return covered
    return replace(
        covered,
        since=oldest,
        position=max(covered.position, oldest),
        gap_from=rfc3339(seconds(min(covered.position, oldest))),
        gap_to=rfc3339(seconds(oldest)),
    )


def advanced(source: str, covered: Window, now: float) -> Cursor:
    """Return the cursor after the whole window was read; it never moves back."""
    position = max(covered.position, covered.newest or 0)
    if seconds(position) < now - QUIET_S:
        position = max(position, synthetic_id(now - SYNTHETIC_BEHIND_S))
    return _cursor(source, str(position), covered, now)


def stopped(source: str, covered: Window, now: float) -> Cursor:
    """Return the cursor in the middle of the window's pages."""
    position = str(covered.position)
    if covered.until is not None:
        position += f"/{covered.until}/{covered.newest or covered.position}"
    return _cursor(source, position, covered, now)


def _cursor(source: str, position: str, covered: Window, now: float) -> Cursor:
    return Cursor(
        source=source,
        position=position,
        at=rfc3339(now),
        gap_from=covered.gap_from,
        gap_to=covered.gap_to,
    )


def moved(cursor: Cursor, position: int, now: float) -> Cursor:
    """Return the cursor at another position, with the same gap."""
    return Cursor(
        source=cursor.source,
        position=str(position),
        at=rfc3339(now),
        gap_from=cursor.gap_from,
        gap_to=cursor.gap_to,
    )


def start_seconds(start: str) -> float:
    """Return how many seconds ago `now`, `1h` or the like is; raises ValueError."""
    if start == "now":
        return 0.0
    return seconds_of(start)

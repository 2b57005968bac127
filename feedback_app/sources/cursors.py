"""Cursors: which of two is ahead, and the gap that one has. Pure."""

from feedback_app.sources.protocol import State
from feedback_app.sources.source_type import Gap
from models import Cursor, from_rfc3339


def gap_state(gap: Gap, cursor: Cursor | None, now: float) -> tuple[State, str]:
    """Return the state of a source that works, and its detail: `gap` while one is to be shown."""
    if cursor is None or cursor.gap_from is None or cursor.gap_to is None:
        return "running", ""
    if from_rfc3339(cursor.gap_to) < now - gap.shown_s:
        return "running", ""
    return "gap", gap.text.format(gap_from=cursor.gap_from, gap_to=cursor.gap_to)


def later(one: Cursor | None, other: Cursor | None) -> Cursor | None:
    """Return the cursor that is ahead, so that a stale writer cannot move a source back."""
    if one is None or other is None:
        return one or other
    return other if _rank(other) >= _rank(one) else one


def _rank(cursor: Cursor) -> tuple[int, str]:
    # Behind a slash stands the progress within unfinished pages; `at` orders those.
    position = cursor.position.partition("/")[0]
    return (int(position) if position.isascii() and position.isdigit() else 0, cursor.at or "")

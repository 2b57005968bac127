"""When a demo ends: a pure judgement over time and progress."""

SETTLED_S = 2.0
"""How long all must balance before it is taken for the end."""
STALLED_S = 60.0
"""How long nothing may move, once nothing is played any more, before it is given up."""
STOP_WITHIN_S = 8.0
"""What the pipeline gets after Ctrl-C to finish what was played."""


class Ending:
    """Judges from one look to the next; times are monotonic seconds."""

    def __init__(self, seconds: float | None, ends_by_itself: bool, start: float) -> None:
        self._seconds, self._by_itself, self._start = seconds, ends_by_itself, start
        self._stopped_at: float | None = None
        self._balanced_at: float | None = None
        self._moved: object = None
        self._moved_at = start

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stopped_at is not None

    def stop(self, now: float) -> None:
        """Take in that somebody asked for the end."""
        self._stopped_at = now

    def play_no_more(self, now: float) -> bool:
        """Tell whether the time to play is over."""
        return self.stopped or (self._seconds is not None and now - self._start >= self._seconds)

    def reached(self, now: float, moved: object, played: bool, balanced: bool) -> bool:
        """Tell whether this is the end.

        `moved` is anything that changes with progress, `played` whether nothing more is played, and
        `balanced` whether all that was played is through.
        """
        if moved != self._moved:
            self._moved, self._moved_at = moved, now
        if not balanced:
            self._balanced_at = None
        elif self._balanced_at is None:
            self._balanced_at = now
        if self._stopped_at is not None and now - self._stopped_at >= STOP_WITHIN_S:
            return True
        if not played or not (self._by_itself or self.stopped):
            return False
        settled = self._balanced_at is not None and now - self._balanced_at >= SETTLED_S
        return settled or now - self._moved_at >= STALLED_S

"""When a demo ends: a pure decision based on time and progress."""

SETTLED_S = 2.0
"""How long everything must balance before the demo ends."""
STALLED_S = 60.0
"""How long a demo that has stopped playing may make no progress before it is given up."""
STOP_WITHIN_S = 8.0
"""Time for the pipeline to finish after Ctrl-C."""


class Ending:
    """Decides at each check whether the demo is over; times are monotonic seconds."""

    def __init__(self, seconds: float | None, ends_by_itself: bool, start: float) -> None:
        self._seconds, self._by_itself, self._start = seconds, ends_by_itself, start
        self._stopped_at: float | None = None
        self._balanced_at: float | None = None
        self._progress: object = None
        self._progress_at = start

    @property
    def stopped(self) -> bool:
        """Whether a stop was requested."""
        return self._stopped_at is not None

    def stop(self, now: float) -> None:
        """Record that a stop was requested."""
        self._stopped_at = now

    def playing_is_over(self, now: float) -> bool:
        """Return whether to stop playing: on request, or when the time is up."""
        return self.stopped or (self._seconds is not None and now - self._start >= self._seconds)

    def reached(self, now: float, progress: object, played: bool, balanced: bool) -> bool:
        """Return whether the demo is over.

        `progress` is any value that changes with progress, `played` whether playing has ended, and
        `balanced` whether everything played has been processed.
        """
        if progress != self._progress:
            self._progress, self._progress_at = progress, now
        if not balanced:
            self._balanced_at = None
        elif self._balanced_at is None:
            self._balanced_at = now
        if self._stopped_at is not None and now - self._stopped_at >= STOP_WITHIN_S:
            return True
        if not played or not (self._by_itself or self.stopped):
            return False
        settled = self._balanced_at is not None and now - self._balanced_at >= SETTLED_S
        return settled or now - self._progress_at >= STALLED_S

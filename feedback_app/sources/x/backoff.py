"""When the filtered stream may be opened again, as X's documentation asks. Pure."""

from feedback_app.sources.protocol import SourceFault

NETWORK_STEP_S = 0.25
NETWORK_MOST_S = 16.0
HTTP_FIRST_S = 5.0
LIMITED_FIRST_S = 60.0
HTTP_MOST_S = 320.0
CONNECTS = 45
CONNECTS_WINDOW_S = 900.0
"""X allows 50 connects in 15 minutes; a few are left for another leader."""
STABLE_S = 60.0
"""A connection that lasted so long resets the failures."""


class ConnectionLost(SourceFault):
    """The connection itself ended: closed by X, reset, or silent."""


class StreamBackoff:
    """Counts failures in a row by their kind, and connects in the last quarter of an hour.

    Not `feedback_app.backoff`: X documents the steps, one kind of failure grows linearly, and
    the number of connects is limited.
    """

    def __init__(self) -> None:
        self._failures = {"network": 0, "http": 0, "limited": 0}
        self._connects: list[float] = []

    def connecting(self, now: float) -> None:
        """Count a connect; `now` in seconds of a monotonic clock."""
        self._connects = [at for at in self._connects if at > now - CONNECTS_WINDOW_S] + [now]

    def wait(self, fault: SourceFault, lived: float, now: float) -> float:
        """Return the seconds to wait after a fault that ended a connection of `lived` seconds."""
        if lived >= STABLE_S:
            self._failures = dict.fromkeys(self._failures, 0)
        kind = (
            "network"
            if isinstance(fault, ConnectionLost)
            else "limited"
            if fault.state == "rate_limited"
            else "http"
        )
        self._failures[kind] += 1
        count = min(self._failures[kind], 64)
        if kind == "network":
            wait = min(NETWORK_STEP_S * count, NETWORK_MOST_S)
        else:
            first = LIMITED_FIRST_S if kind == "limited" else HTTP_FIRST_S
            wait = min(first * 2.0 ** (count - 1), HTTP_MOST_S)
        recent = [at for at in self._connects if at > now - CONNECTS_WINDOW_S]
        if len(recent) >= CONNECTS:
            wait = max(wait, recent[-CONNECTS] + CONNECTS_WINDOW_S - now)
        return wait

"""Counts over the topic `actions`: how many dead letters still wait for a decision. Pure."""

from models import Action

RETRY = "dead-letter-retry"
DROP = "dead-letter-drop"
"""Types of the actions that close a dead letter."""
STATES = {RETRY: "retried", DROP: "dropped"}
PREFIX = "dead-letter:"


def target_of(number: int, written_at: float) -> str:
    """Return the action target of the dead letter at an offset; `written_at` in Unix seconds."""
    return f"{PREFIX}{number}:{round(written_at * 1000)}"


def number_of(target: str) -> int | None:
    """Return the offset of the dead letter that is the target; None for any other target."""
    if not target.startswith(PREFIX):
        return None
    number = target.removeprefix(PREFIX).partition(":")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else None


class DeadLetters:
    """Counts dead letters by the topic's offsets, without reading them: one may have 256 kB."""

    def __init__(self) -> None:
        self._offsets: tuple[int, int] | None = None
        self._decided: set[int] = set()

    def apply(self, action: Action) -> None:
        """Apply an action of any type; only those on dead letters have an effect."""
        number = number_of(action.target)
        if number is None:
            return
        if action.type in STATES:
            self._decided.add(number)
        else:
            self._decided.discard(number)

    def set_offsets(self, first: int, end: int) -> None:
        """Set the topic's first retained offset and its high watermark."""
        self._offsets = (first, end)

    def counts(self) -> dict[str, int] | None:
        """Return how many there are (`total`) and how many are open; None if unknown yet."""
        if self._offsets is None:
            return None
        first, end = self._offsets
        closed = sum(first <= number < end for number in self._decided)
        return {"open": end - first - closed, "total": end - first}

"""The dead letters as a whole: how many there are, and how many wait for a person. Pure."""

from models import Action

RETRY = "dead-letter-retry"
DROP = "dead-letter-drop"
"""Types of the actions that take a dead letter off the list."""
STATES = {RETRY: "retried", DROP: "dropped"}
PREFIX = "dead-letter:"


def target_of(number: int, written_at: float) -> str:
    """Return the target of an action on the dead letter of an offset and time in Unix seconds."""
    return f"{PREFIX}{number}:{round(written_at * 1000)}"


def number_of(target: str) -> int | None:
    """Return the offset of the dead letter that an action is about, None for anything else."""
    if not target.startswith(PREFIX):
        return None
    number = target.removeprefix(PREFIX).partition(":")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else None


class DeadLetters:
    """Counts what stands in the topic; nothing of it is read, for one letter may be 256 kB."""

    def __init__(self) -> None:
        self._span: tuple[int, int] | None = None
        self._decided: set[int] = set()

    def take(self, action: Action) -> None:
        """Take in an action of any kind."""
        number = number_of(action.target)
        if number is None:
            return
        if action.type in STATES:
            self._decided.add(number)
        else:
            self._decided.discard(number)

    def stand(self, first: int, end: int) -> None:
        """Note the first offset that the topic still holds, and the next that it will get."""
        self._span = (first, end)

    def counts(self) -> dict[str, int] | None:
        """Return how many there are (`total`) and how many wait (`open`), None if unknown yet."""
        if self._span is None:
            return None
        first, end = self._span
        done = sum(first <= number < end for number in self._decided)
        return {"open": end - first - done, "total": end - first}

"""The dead letters, each with its number and the decision on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from feedback_app.cli.read import newest_actions, read_whole
from feedback_app.hop.types import Row
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.stats.actions import STATES, target_of
from models import Action, DeadLetter, InvalidRecord
from models.alert import RETRACT


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter; `number` is its offset, `state` waiting, retried or dropped."""

    number: int
    written_at: float
    content: DeadLetter
    state: str = "waiting"

    @property
    def target(self) -> str:
        """The target of an action on it, with its time: a recreated topic reuses numbers."""
        return target_of(self.number, self.written_at)

    @property
    def retriable(self) -> bool:
        """Whether it was a Kafka record and all of its value was kept."""
        return self.content.offset >= 0 and self.content.whole

    def matches(self, stage: str | None, reason: str | None) -> bool:
        """Whether it is of the stage and has these words in its error or reason."""
        words = f"{self.content.error} {self.content.reason}".lower()
        return (stage is None or self.content.stage == stage) and (
            reason is None or reason.lower() in words
        )


async def read_letters(settings: Settings) -> list[Letter]:
    """Return all dead letters, oldest first; raises TransientError."""
    topics = Topics.of(settings)
    actions = await newest_actions(settings, topics.actions.name)
    letters: list[Letter] = []

    def apply(row: Row) -> None:
        try:
            content = DeadLetter.decode(row.value)
        except InvalidRecord:
            return
        letters.append(
            Letter(row.offset, row.timestamp, content, state_of(row.offset, row.timestamp, actions))
        )

    await read_whole(settings, topics.dead_letters.name, apply)
    return letters


def state_of(number: int, written_at: float, actions: Mapping[str, Action]) -> str:
    """Return the state of a dead letter: waiting, retried or dropped."""
    decided = actions.get(target_of(number, written_at))
    return "waiting" if decided is None else STATES.get(decided.type, "waiting")


def chosen(
    letters: Iterable[Letter], numbers: Iterable[int], stage: str | None, reason: str | None
) -> list[Letter]:
    """Return the letters of these numbers (all, if none is given) that meet the filters."""
    wanted = set(numbers)
    return [
        letter
        for letter in letters
        if (not wanted or letter.number in wanted) and letter.matches(stage, reason)
    ]


def carries_text(content: DeadLetter) -> bool:
    """Whether it has a text: it is neither a deletion nor the withdrawal of an alert."""
    data = _object(content)
    inner = data.get("feedback")
    feedback = inner if isinstance(inner, dict) else data
    return data.get("op") != RETRACT and feedback.get("kind") != "delete"


def feedback_id(content: DeadLetter) -> str | None:
    """Return the id of the feedback in it, or None if it cannot be read."""
    data = _object(content)
    inner = data.get("feedback")
    found = inner.get("id") if isinstance(inner, dict) else data.get("feedback_id", data.get("id"))
    return found if isinstance(found, str) else None


def _object(content: DeadLetter) -> dict[str, Any]:
    try:
        data: Any = orjson.loads(content.value_bytes() or b"")
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}

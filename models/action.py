"""Action: something a person decided, on the topic `actions`."""

from models.wire import Wire

PAUSE = "pause"
RESUME = "resume"
ACKNOWLEDGE = "acknowledge"
SNOOZE = "snooze"
CORRECT = "correct"


class Action(Wire):
    """`target` is an alert, feedback or source id and the key; the newest action counts."""

    VERSION = 1

    type: str
    target: str
    value: str | None = None
    actor: str | None = None
    at: str | None = None
    version: int = 1

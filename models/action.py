"""Action: a user's decision, on the topic `actions`."""

from models.wire import Wire

PAUSE = "pause"
RESUME = "resume"


class Action(Wire):
    """`target`, also the key, is a source id or names a dead letter; the newest action counts."""

    VERSION = 1

    type: str
    target: str
    value: str | None = None
    actor: str | None = None
    at: str | None = None
    version: int = 1

"""PollRequest: asks for a poll of a source, on the topic `polls`."""

from models.wire import Wire


class PollRequest(Wire):
    """The leader writes one when a source is due; the owner of the partition polls it."""

    VERSION = 1

    source: str
    due_at: str
    version: int = 1

"""PollRequest: a source is due to be polled, on the topic `polls`."""

from models.wire import Wire


class PollRequest(Wire):
    """The leader writes one a source when it is due; the owner of the partition polls."""

    VERSION = 1

    source: str
    due_at: str
    version: int = 1

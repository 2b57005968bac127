"""Cursor: how far a source has been read, on the topic `cursors`."""

from models.wire import Wire

OWNER = "owner"


class Cursor(Wire):
    """`position` is defined by the source (X: the newest id seen) and only moves forward.

    The record with the key `owner` names the app id that owns the topic prefix.
    """

    VERSION = 1

    source: str
    position: str
    at: str | None = None
    gap_from: str | None = None
    gap_to: str | None = None
    version: int = 1

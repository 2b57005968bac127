"""The append-only log of everything put into and sent by the sandbox; reports are based on it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Platform = Literal["x", "slack"]


class Entry(BaseModel):
    """One line of the log; `at` is the time in seconds since the Unix epoch."""

    model_config = ConfigDict(frozen=True)

    at: float = 0.0


class Put(Entry):
    """Feedback that a user created, edited or deleted."""

    event: Literal["put"] = "put"
    platform: Platform
    kind: Literal["create", "edit", "delete"]
    id: str
    """X: the first id of the edit history. Slack: channel id and ts, `C…:123.456`."""
    revision: str
    """X: the id of this version. Slack: the ts of the change."""
    author: str
    text: str
    channel: str | None = None
    """The Slack channel's name, with its `#`."""


class Given(Entry):
    """Items sent in one response, stream line or envelope."""

    event: Literal["given"] = "given"
    platform: Platform
    via: Literal["search", "lookup", "stream", "history", "replies", "socket"]
    ids: tuple[str, ...]
    """X: ids of versions. Slack: channel id and ts."""
    kind: str = "create"
    """Socket: create, edit, delete or the message's subtype."""
    attempt: int = 0
    """Socket: the number of earlier attempts to send this event."""
    connection: str | None = None


class Posted(Entry):
    """A message that the app posted and Slack accepted, even if the response was lost."""

    event: Literal["posted"] = "posted"
    channel: str
    """The channel's name, with its `#`."""
    channel_id: str
    ts: str
    text: str
    metadata: dict[str, Any] | None = None
    thread_ts: str | None = None


class Updated(Entry):
    """A message that the app updated."""

    event: Literal["updated"] = "updated"
    channel: str
    channel_id: str
    ts: str
    text: str
    metadata: dict[str, Any] | None = None


class Deleted(Entry):
    """A message that the app deleted."""

    event: Literal["deleted"] = "deleted"
    channel: str
    channel_id: str
    ts: str


class Refused(Entry):
    """A request that was answered with an error, not counting injected faults."""

    event: Literal["refused"] = "refused"
    platform: Platform
    method: str
    status: int
    error: str
    channel: str | None = None
    retry_after: float | None = None
    """Seconds to wait if it was rate limited."""


class Acknowledged(Entry):
    """An envelope that the app acknowledged."""

    event: Literal["acknowledged"] = "acknowledged"
    envelope: str
    ids: tuple[str, ...]


class Fault(Entry):
    """An injected fault; `odd` is logged once per malformed item sent."""

    event: Literal["fault"] = "fault"
    name: str
    platform: Platform
    where: str
    """The method, path or connection."""
    detail: str = ""


AnyEntry = Annotated[
    Put | Given | Posted | Updated | Deleted | Refused | Acknowledged | Fault,
    Field(discriminator="event"),
]
_entry: TypeAdapter[Entry] = TypeAdapter(AnyEntry)


class Log:
    """Writes each entry before the response is sent, then calls the listeners."""

    def __init__(self, now: Callable[[], float], path: Path | None = None) -> None:
        self._now = now
        self._file: BinaryIO | None = None
        self.listeners: list[Callable[[Entry], None]] = []
        """Called with every entry after it is written."""
        self.entries: list[Entry] = []
        """The entries, if there is no file; otherwise they are only on disk."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: an entry reaches the OS, and survives a kill, before the response is sent.
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115
            _end_torn_line(self._file, path)

    def write(self, entry: Entry) -> None:
        """Append `entry` with the current time."""
        entry = entry.model_copy(update={"at": self._now()})
        if self._file is None:
            self.entries.append(entry)
        else:
            self._file.write(orjson.dumps(entry.model_dump(exclude_none=True)) + b"\n")
        for listener in self.listeners:
            listener(entry)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _end_torn_line(file: BinaryIO, path: Path) -> None:
    """Terminate a line that a killed process left incomplete."""
    if os.fstat(file.fileno()).st_size:
        with path.open("rb") as old:
            old.seek(-1, os.SEEK_END)
            if old.read(1) != b"\n":
                file.write(b"\n")


def read_log(path: Path) -> Iterator[Entry]:
    """Yield the entries of a log in order; a line truncated by a kill is skipped.

    Raises pydantic's ValidationError for a complete line that is not an entry.
    """
    with path.open("rb") as lines:
        for line in lines:
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            yield _entry.validate_python(value)

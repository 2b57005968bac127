"""The Slack messages of the last day that are known, for the comparison with the history."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from feedback_app.sources.slack.events import microseconds
from models import Feedback

RETENTION_US = 25 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """The newest known revision of a message; times in microseconds."""

    channel: str
    ts: str
    sent: int
    revision: int
    deleted: bool
    source: str
    thread: str | None
    """The ts of the thread that it replies in, if it does."""


class MessageIndex:
    """Messages by channel and ts, of the last 25 hours; fed with what was sent to the broker."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, Message]] = {}
        self._newest = self._dropped = 0

    def remember(self, found: Feedback) -> None:
        """Add the feedback unless it is an older revision or not of Slack."""
        place = _place(found)
        if place is None or self.covers(found):
            return
        channel, ts, sent = place
        known = self.get(channel, ts)
        deleted = found.kind == "delete"
        thread = _thread(found.url) or (known.thread if known else None)
        message = Message(channel, ts, sent, found.revision, deleted, found.source, thread)
        self._channels.setdefault(channel, {})[ts] = message
        self._newest = max(self._newest, sent)
        self._forget()

    def covers(self, found: Feedback) -> bool:
        """Whether this revision is known, or one that supersedes it."""
        place = _place(found)
        known = None if place is None else self.get(place[0], place[1])
        if known is None or known.deleted:
            return known is not None
        return found.kind != "delete" and known.revision >= found.revision

    def get(self, channel: str, ts: str) -> Message | None:
        """Return a message, or None if it is not known."""
        return self._channels.get(channel, {}).get(ts)

    def alive(self, channel: str) -> Iterator[Message]:
        """Yield the known messages of a channel that were not deleted."""
        return (each for each in self._channels.get(channel, {}).values() if not each.deleted)

    def _forget(self) -> None:
        oldest = self._newest - RETENTION_US
        if oldest - self._dropped < RETENTION_US // 25:
            return
        self._dropped = oldest
        for channel, messages in self._channels.items():
            recent = {ts: each for ts, each in messages.items() if each.sent >= oldest}
            self._channels[channel] = recent


def _place(found: Feedback) -> tuple[str, str, int] | None:
    """Return a Slack feedback's channel, ts, and ts in microseconds; None for other sources."""
    prefix, _, rest = found.id.partition(":")
    channel, _, ts = rest.partition(":")
    sent = microseconds(ts)
    return None if prefix != "slack" or sent is None else (channel, ts, sent)


def _thread(url: str | None) -> str | None:
    found = parse_qs(urlsplit(url).query).get("thread_ts") if url else None
    return found[0] if found else None

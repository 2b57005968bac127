"""Slack's message events read into feedback, against the conditions of a source. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from feedback_app.hop.errors import BadRecord
from feedback_app.settings import Source
from feedback_app.slack.metadata import SAY
from feedback_app.sources.deliver import clean
from models import Feedback, rfc3339
from models.feedback import cut_text, sane_time

TAKEN = frozenset((None, "me_message", "file_share", "thread_broadcast"))
"""The subtypes of messages that people write; all others tell of joins, topics, pins and bots."""

_TS = re.compile(r"(\d{1,11})\.(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Which messages one source takes: channel ids, a word in it, a pattern found in it."""

    source: str
    channels: frozenset[str]
    keyword: re.Pattern[str] | None = None
    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, source: Source, ids: Mapping[str, str]) -> "Conditions":
        """Return the conditions of a source; `ids` are those of the channels found, by name."""
        word = source.keyword
        return cls(
            source=source.id,
            channels=frozenset(ids[name] for name in source.listens if name in ids),
            keyword=_word(word) if word else None,
            pattern=re.compile(source.pattern) if source.pattern else None,
        )

    def met(self, text: str) -> bool:
        """Whether a message with this text is feedback."""
        return (
            bool(text.strip())
            and (self.keyword is None or self.keyword.search(text) is not None)
            and (self.pattern is None or self.pattern.search(text) is not None)
        )


@dataclass(frozen=True, slots=True)
class Workspace:
    """What is known of the workspace: its address and who this app is in it."""

    url: str = ""
    bot_user: str = ""
    bot_id: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is no feedback. `source` is set where a message failed its conditions."""

    why: str
    source: str | None = None


@dataclass(slots=True)
class Reader:
    """Reads events for several sources; `name_of` gives a user id's display name, if known."""

    conditions: tuple[Conditions, ...]
    workspace: Workspace = field(default_factory=Workspace)
    name_of: Callable[[str], str | None] = lambda user: None

    def event(self, event: object, now: float) -> Feedback | Ignored:
        """Return the feedback in an event of the Events API; raises BadRecord for odd shapes."""
        if not isinstance(event, dict):
            raise BadRecord(f"a Slack event is not an object but {type(event).__name__}")
        if event.get("type") != "message":
            return Ignored(f"an event of type {_short(event.get('type'))}")
        channel = event.get("channel")
        if not isinstance(channel, str) or not channel:
            raise BadRecord(f"a Slack message without a channel: {_short(channel)}")
        if not any(channel in each.channels for each in self.conditions):
            return Ignored("a channel that no source listens on")
        subtype = event.get("subtype")
        if subtype == "message_changed":
            return self._changed(event, channel, now)
        if subtype == "message_deleted":
            return self._deleted(event, channel, now)
        return self.message(event, channel, now)

    def message(
        self, message: object, channel: str, now: float, held: str | None = None
    ) -> Feedback | Ignored:
        """Return the feedback in a message as events and the history show it; raises BadRecord.

        `held` is the source that took an earlier version of it, whatever the text is now.
        """
        if not isinstance(message, dict):
            raise BadRecord(f"a Slack message is not an object but {type(message).__name__}")
        if (why := self._left_out(message)) is not None:
            return Ignored(why)
        ts, text = message.get("ts"), message.get("text")
        if microseconds(ts) is None:
            raise BadRecord(f"a Slack message without a ts: {_short(ts)}")
        if not isinstance(text, str):
            raise BadRecord(f"the text of a Slack message is not a string: {_short(text)}")
        text = unescape(text)
        source = self._source(channel, text) or held
        if source is None:
            return Ignored("conditions not met", self._listening(channel).source)
        edited = message.get("edited")
        changed = microseconds(edited.get("ts")) if isinstance(edited, dict) else None
        return self._feedback(
            source,
            channel,
            str(ts),
            text,
            message,
            "create" if changed is None else "edit",
            changed,
            now,
        )

    def _changed(self, event: dict[str, Any], channel: str, now: float) -> Feedback | Ignored:
        message, former = event.get("message"), event.get("previous_message")
        if not isinstance(message, dict):
            raise BadRecord("a changed Slack message without the message")
        if message.get("subtype") == "tombstone":
            # The head of a thread was deleted, and its replies still stand.
            ts = message.get("ts")
            return self._deleted({**event, "deleted_ts": ts}, channel, now)
        if not isinstance(message.get("edited"), dict):
            return Ignored("a change that is no edit")
        text = former.get("text") if isinstance(former, dict) else None
        held = self._source(channel, unescape(text)) if isinstance(text, str) else None
        return self.message(message, channel, now, held)

    def _deleted(self, event: dict[str, Any], channel: str, now: float) -> Feedback | Ignored:
        ts, at = event.get("deleted_ts"), microseconds(event.get("event_ts", event.get("ts")))
        if microseconds(ts) is None or at is None:
            raise BadRecord(f"a deletion in Slack without a ts: {_short(ts)}")
        former = event.get("previous_message")
        former = former if isinstance(former, dict) else {}
        if (why := self._left_out(former)) is not None:
            return Ignored(why)
        text = former.get("text")
        source = self._source(channel, unescape(text) if isinstance(text, str) else "")
        source = source or self._listening(channel).source
        return self._feedback(source, channel, str(ts), "", former, "delete", at, now)

    def _left_out(self, message: dict[str, Any]) -> str | None:
        """Return why a message is nobody's feedback, or None."""
        metadata = message.get("metadata")
        if isinstance(metadata, dict) and metadata.get("event_type") == SAY:
            return None
        if message.get("bot_id") or message.get("subtype") == "bot_message":
            return "a bot's message"
        if self.workspace.bot_user and message.get("user") == self.workspace.bot_user:
            return "the app's own message"
        subtype = message.get("subtype")
        if not isinstance(subtype, str | None) or subtype not in TAKEN:
            return f"a message of subtype {_short(subtype)}"
        return None

    def _source(self, channel: str, text: str) -> str | None:
        """Return the first source that takes a text in this channel."""
        for each in self.conditions:
            if channel in each.channels and each.met(text):
                return each.source
        return None

    def _listening(self, channel: str) -> Conditions:
        return next(each for each in self.conditions if channel in each.channels)

    def _feedback(
        self,
        source: str,
        channel: str,
        ts: str,
        text: str,
        message: dict[str, Any],
        kind: str,
        revision: int | None,
        now: float,
    ) -> Feedback:
        sent = microseconds(ts) or 0
        user = clean(message.get("user"))
        text, cut = cut_text(text)
        return Feedback(
            id=f"slack:{channel}:{ts}",
            text=text,
            source=source,
            revision=sent if revision is None else revision,
            kind=kind,
            author=(self.name_of(user) or user) if user else None,
            url=permalink(self.workspace.url, channel, ts, message.get("thread_ts")),
            created_at=sane_time(_time(sent), now),
            received_at=rfc3339(now),
            truncated=cut,
        )


def microseconds(ts: object) -> int | None:
    """Return a Slack ts (`seconds.microseconds`) in microseconds, or None where it is none."""
    match = _TS.fullmatch(ts) if isinstance(ts, str) and ts.isascii() else None
    return None if match is None else int(match[1]) * 1_000_000 + int(match[2].ljust(6, "0"))


def unescape(text: str) -> str:
    """Return the text with Slack's three escapes undone; its markup stays."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def permalink(team_url: str, channel: str, ts: str, thread: object) -> str | None:
    """Return the link to a message, or None where the workspace's address is not known."""
    if not team_url:
        return None
    link = f"{team_url.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"
    if isinstance(thread, str) and microseconds(thread) is not None and thread != ts:
        link += f"?thread_ts={thread}&cid={channel}"
    return link


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


def _time(sent: int) -> str | None:
    return rfc3339(sent / 1_000_000)


def _short(value: object) -> str:
    return ascii(value)[:80]

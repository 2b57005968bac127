"""The stand-in workspace: people, channels and messages, and what people do in them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from feedback_app.sandbox.log import Log, Put

TEAM_ID = "T0SANDBOX1"
APP_ID = "A0SANDBOX1"
BOT_ID = "B0SANDBOX1"
BOT_USER_ID = "U0SANDBOX1"
CHANNELS = ("feedback", "product", "negative-feedback", "positive-feedback", "feedback-ops")
PEOPLE = {
    "mira.sato": "Mira Sato",
    "jonas.weber": "Jonas Weber",
    "adaeze.obi": "Adaeze Obi",
    "lucia.romero": "Lucía Romero",
    "tom.hale": "Tom Hale",
    "priya.nair": "Priya Nair",
}


@dataclass(frozen=True)
class Person:
    """A member of the workspace."""

    id: str
    name: str
    real_name: str
    is_bot: bool = False


@dataclass
class Message:
    """A message in its present state; `text` is as Slack sends it, with `& < >` escaped."""

    channel: "Channel"
    ts: str
    text: str
    visible_at: float
    """When the history begins to show it, in seconds since the Unix epoch."""
    user: str | None = None
    bot_id: str | None = None
    username: str | None = None
    subtype: str | None = None
    thread_ts: str | None = None
    blocks: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None
    edited: dict[str, str] | None = None

    @property
    def own(self) -> bool:
        """Whether the app posted it."""
        return self.bot_id == BOT_ID

    @property
    def reply(self) -> bool:
        """Whether it stands only in a thread, not in the channel."""
        return (
            self.thread_ts is not None
            and self.thread_ts != self.ts
            and self.subtype != "thread_broadcast"
        )


@dataclass
class Channel:
    """A channel with its messages, oldest first."""

    id: str
    name: str
    """Without the `#`."""
    private: bool = False
    archived: bool = False
    members: set[str] = field(default_factory=set)
    by_ts: dict[str, Message] = field(default_factory=dict)
    threads: dict[str, list[Message]] = field(default_factory=dict)
    """The replies of each thread by its ts, oldest first."""
    last_us: int = 0

    @property
    def messages(self) -> list[Message]:
        """The messages that were not deleted, oldest first, replies included."""
        return list(self.by_ts.values())

    @property
    def has_bot(self) -> bool:
        """Whether the app's bot is a member."""
        return BOT_USER_ID in self.members


Change = Callable[[str, Message, Message | None, str], None]
"""Kind (create, edit, delete), the message, what it was before, and the ts of the event."""


class Workspace:
    """What Slack knows. These methods are what its people do; no rate limits them."""

    def __init__(
        self,
        now: Callable[[], float],
        random: Random,
        log: Log,
        history_delay: tuple[float, float],
        channels: Iterable[str] = CHANNELS,
    ) -> None:
        """`history_delay` bounds, in seconds, how late the history shows a message."""
        self.history_delay = history_delay
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.listeners: list[Change] = []
        """Called with every change, after it happened."""
        self._now = now
        self._random = random
        self._log = log
        bot = Person(BOT_USER_ID, "feedback_monitor", "Feedback Monitor", is_bot=True)
        self.people[bot.id] = bot
        for name, real_name in PEOPLE.items():
            self.person(name, real_name)
        for name in channels:
            self.create(name)

    def person(self, name: str, real_name: str | None = None) -> Person:
        """Return the person of that name or id, who joins the workspace where there is none."""
        for person in self.people.values():
            if name in (person.id, person.name):
                return person
        person = Person(f"U1SANDBOX{len(self.people):03d}", name, real_name or name)
        self.people[person.id] = person
        return person

    def create(self, name: str, *, private: bool = False, bot: bool = True) -> Channel:
        """Make a channel with everyone in it, the bot only where `bot` says so."""
        id = f"{'G' if private else 'C'}0SANDBOX{len(self.channels) + 1:03d}"
        members = {id for id in self.people if bot or id != BOT_USER_ID}
        channel = self.channels[id] = Channel(id, name.removeprefix("#"), private, members=members)
        return channel

    def channel(self, name: str) -> Channel:
        """Return the channel of that `#name`, name or id; raises KeyError."""
        if name in self.channels:
            return self.channels[name]
        for channel in self.channels.values():
            if channel.name == name.removeprefix("#"):
                return channel
        raise KeyError(name)

    def say(
        self,
        channel: str,
        text: str,
        user: str = "mira.sato",
        *,
        thread_ts: str | None = None,
        broadcast: bool = False,
        raw: bool = False,
    ) -> str:
        """Post what a person typed and return its ts; `raw` text is in Slack's own form already."""
        room, person = self.channel(channel), self.person(user)
        message = self.add(
            room,
            text if raw else self.typed(text),
            user=person.id,
            thread_ts=thread_ts,
            subtype="thread_broadcast" if thread_ts and broadcast else None,
        )
        self._record("create", message, person.name, message.ts)
        return message.ts

    def say_as_bot(self, channel: str, text: str, username: str = "deploys") -> str:
        """Post as another app, an old-style integration, and return the ts."""
        room = self.channel(channel)
        text = self.typed(text)
        return self.add(
            room, text, bot_id="B9OTHERBOT", username=username, subtype="bot_message"
        ).ts

    def edit(self, channel: str, ts: str, text: str, *, raw: bool = False) -> str:
        """Change a person's message and return the ts of the change; raises KeyError."""
        message = self.channel(channel).by_ts[ts]
        edited = self.change(message, text if raw else self.typed(text), by=message.user)
        self._record("edit", message, self.author(message), edited)
        return edited

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message; raises KeyError for no such message."""
        message = self.channel(channel).by_ts[ts]
        event_ts = self.remove(message)
        if not message.own:
            self._record("delete", message, self.author(message), event_ts)

    def join(self, channel: str, user: str) -> None:
        """Let a person join a channel, which says so."""
        room, person = self.channel(channel), self.person(user)
        room.members.add(person.id)
        text = f"<@{person.id}> has joined the channel"
        self.add(room, text, user=person.id, subtype="channel_join")

    def archive(self, channel: str, archived: bool = True) -> None:
        """Archive a channel, or bring it back."""
        self.channel(channel).archived = archived

    def remove_bot(self, channel: str) -> None:
        """Take the app's bot out of a channel."""
        self.channel(channel).members.discard(BOT_USER_ID)

    def add_bot(self, channel: str) -> None:
        """Invite the app's bot into a channel."""
        self.channel(channel).members.add(BOT_USER_ID)

    def add(self, channel: Channel, text: str, **fields: Any) -> Message:
        """Add a message with the next ts of the channel, and tell the listeners."""
        visible = self._now() + self._random.uniform(*self.history_delay)
        message = Message(channel, self.next_ts(channel), text, visible, **fields)
        channel.by_ts[message.ts] = message
        if message.thread_ts is not None:
            channel.threads.setdefault(message.thread_ts, []).append(message)
        self._tell("create", message, None, message.ts)
        return message

    def change(
        self,
        message: Message,
        text: str,
        *,
        by: str | None,
        blocks: list[dict[str, Any]] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Give a message another text and return the ts of the change."""
        before = replace(message)
        message.text, message.blocks = text, blocks
        message.metadata = metadata or message.metadata
        edited = self.next_ts(message.channel)
        message.edited = {"user": by or BOT_USER_ID, "ts": edited}
        self._tell("edit", message, before, edited)
        return edited

    def remove(self, message: Message) -> str:
        """Take a message away and return the ts of that."""
        del message.channel.by_ts[message.ts]
        if message.thread_ts is not None:
            message.channel.threads[message.thread_ts].remove(message)
        event_ts = self.next_ts(message.channel)
        self._tell("delete", message, message, event_ts)
        return event_ts

    def next_ts(self, channel: Channel) -> str:
        """Return a ts that is later than every one of the channel."""
        # Steps of 100 µs: what stands between two of them is no message's ts.
        now = int(self._now() * 10_000) * 100
        channel.last_us = max(now, channel.last_us + 100)
        return f"{channel.last_us // 1_000_000}.{channel.last_us % 1_000_000:06d}"

    def typed(self, text: str) -> str:
        """Return what Slack makes of typed text: escaped, links and known names marked."""
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = re.sub(r"https?://[^\s|]*[\w/=&;#-]", r"<\g<0>>", text)
        names = {person.name: person.id for person in self.people.values()}
        return re.sub(
            r"@([\w.-]*\w)",
            lambda match: f"<@{names[match[1]]}>" if match[1] in names else match[0],
            text,
        )

    def author(self, message: Message) -> str:
        """Return the name of whoever wrote a message."""
        if message.user is not None:
            return self.people[message.user].name
        return message.username or message.bot_id or ""

    def _tell(self, kind: str, message: Message, before: Message | None, event_ts: str) -> None:
        for listener in self.listeners:
            listener(kind, message, before, event_ts)

    def _record(self, kind: str, message: Message, author: str, revision: str) -> None:
        self._log.write(
            Put.model_validate(
                {
                    "platform": "slack",
                    "kind": kind,
                    "id": f"{message.channel.id}:{message.ts}",
                    "revision": revision,
                    "author": author,
                    "text": message.text,
                    "channel": f"#{message.channel.name}",
                }
            )
        )

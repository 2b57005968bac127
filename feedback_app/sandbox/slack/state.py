"""The stand-in workspace: people, channels and messages, with the users' actions."""

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
    """A message in its current state; `text` is as Slack sends it, with `& < >` escaped."""

    channel: "Channel"
    ts: str
    text: str
    visible_at: float
    """When it appears in the history, in seconds since the Unix epoch."""
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
        """Whether it appears only in a thread, not in the channel."""
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
        """The messages that are not deleted, oldest first, including replies."""
        return list(self.by_ts.values())

    @property
    def has_bot(self) -> bool:
        """Whether the app's bot is a member."""
        return BOT_USER_ID in self.members


Change = Callable[[str, Message, Message | None, str], None]
"""Kind (create, edit, delete), the message, its previous state, and the ts of the event."""


class Workspace:
    """The data of Slack. Its methods are user actions without rate limits."""

    def __init__(
        self,
        now: Callable[[], float],
        random: Random,
        log: Log,
        history_delay: tuple[float, float],
        channels: Iterable[str] = CHANNELS,
    ) -> None:
        """`history_delay` is the range, in seconds, after which the history shows a message."""
        self.history_delay = history_delay
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.listeners: list[Change] = []
        """Called after every change."""
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
        """Create a channel with every user as a member, and the bot if `bot`."""
        id = f"{'G' if private else 'C'}0SANDBOX{len(self.channels) + 1:03d}"
        members = {id for id in self.people if bot or id != BOT_USER_ID}
        channel = self.channels[id] = Channel(id, name.removeprefix("#"), private, members=members)
        return channel

    def channel(self, name: str) -> Channel:
        """Return the channel with that `#name`, name or id; raises KeyError."""
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
        """Post a user's message and return its ts; `raw` text is already in Slack's format."""
        target, person = self.channel(channel), self.person(user)
        message = self.add(
            target,
            text if raw else self.format_typed(text),
            user=person.id,
            thread_ts=thread_ts,
            subtype="thread_broadcast" if thread_ts and broadcast else None,
        )
        self._record("create", message, person.name, message.ts)
        return message.ts

    def say_as_bot(self, channel: str, text: str, username: str = "deploys") -> str:
        """Post as another app (a legacy integration) and return the ts."""
        target = self.channel(channel)
        text = self.format_typed(text)
        return self.add(
            target, text, bot_id="B9OTHERBOT", username=username, subtype="bot_message"
        ).ts

    def edit(self, channel: str, ts: str, text: str, *, raw: bool = False) -> str:
        """Edit a user's message and return the ts of the edit; raises KeyError if it is unknown."""
        message = self.channel(channel).by_ts[ts]
        edited = self.change(message, text if raw else self.format_typed(text), by=message.user)
        self._record("edit", message, self.author(message), edited)
        return edited

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message; raises KeyError if it is unknown."""
        message = self.channel(channel).by_ts[ts]
        event_ts = self.remove(message)
        if not message.own:
            self._record("delete", message, self.author(message), event_ts)

    def join(self, channel: str, user: str) -> None:
        """Add a user to a channel, with Slack's `channel_join` message."""
        target, person = self.channel(channel), self.person(user)
        target.members.add(person.id)
        text = f"<@{person.id}> has joined the channel"
        self.add(target, text, user=person.id, subtype="channel_join")

    def archive(self, channel: str, archived: bool = True) -> None:
        """Archive or unarchive a channel."""
        self.channel(channel).archived = archived

    def remove_bot(self, channel: str) -> None:
        """Remove the app's bot from a channel."""
        self.channel(channel).members.discard(BOT_USER_ID)

    def add_bot(self, channel: str) -> None:
        """Invite the app's bot into a channel."""
        self.channel(channel).members.add(BOT_USER_ID)

    def add(self, channel: Channel, text: str, **fields: Any) -> Message:
        """Add a message with the next ts of the channel, and notify the listeners."""
        visible = self._now() + self._random.uniform(*self.history_delay)
        message = Message(channel, self.next_ts(channel), text, visible, **fields)
        channel.by_ts[message.ts] = message
        if message.thread_ts is not None:
            channel.threads.setdefault(message.thread_ts, []).append(message)
        self._notify("create", message, None, message.ts)
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
        """Replace the text of a message and return the ts of the edit."""
        before = replace(message)
        message.text, message.blocks = text, blocks
        message.metadata = metadata or message.metadata
        edited = self.next_ts(message.channel)
        message.edited = {"user": by or BOT_USER_ID, "ts": edited}
        self._notify("edit", message, before, edited)
        return edited

    def remove(self, message: Message) -> str:
        """Remove a message and return the ts of the deletion."""
        del message.channel.by_ts[message.ts]
        if message.thread_ts is not None:
            message.channel.threads[message.thread_ts].remove(message)
        event_ts = self.next_ts(message.channel)
        self._notify("delete", message, message, event_ts)
        return event_ts

    def next_ts(self, channel: Channel) -> str:
        """Return a ts later than all others of the channel."""
        # Steps of 100 µs: a ts between two of them belongs to no message.
        now = int(self._now() * 10_000) * 100
        channel.last_us = max(now, channel.last_us + 100)
        return f"{channel.last_us // 1_000_000}.{channel.last_us % 1_000_000:06d}"

    def format_typed(self, text: str) -> str:
        """Format typed text as Slack does: escaped, with links and user names marked up."""
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = re.sub(r"https?://[^\s|]*[\w/=&;#-]", r"<\g<0>>", text)
        names = {person.name: person.id for person in self.people.values()}
        return re.sub(
            r"@([\w.-]*\w)",
            lambda match: f"<@{names[match[1]]}>" if match[1] in names else match[0],
            text,
        )

    def author(self, message: Message) -> str:
        """Return the author's name."""
        if message.user is not None:
            return self.people[message.user].name
        return message.username or message.bot_id or ""

    def _notify(self, kind: str, message: Message, before: Message | None, event_ts: str) -> None:
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

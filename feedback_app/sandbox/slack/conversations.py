"""The read methods: `conversations.*`, `users.*` and `auth.test`."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from operator import eq, ge, le
from typing import Any, TypeVar

from feedback_app.sandbox.log import Given, Log
from feedback_app.sandbox.slack.objects import channel_object, message_object, user_object
from feedback_app.sandbox.slack.state import (
    BOT_ID,
    BOT_USER_ID,
    TEAM_ID,
    Channel,
    Message,
    Workspace,
)
from feedback_app.sandbox.slack.web import Access, Arguments, Method, SlackError

Item = TypeVar("Item")


class Conversations:
    """The read methods of the Web API."""

    def __init__(
        self, workspace: Workspace, access: Access, now: Callable[[], float], log: Log
    ) -> None:
        self._workspace = workspace
        self._access = access
        self._now = now
        self._log = log

    def methods(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "auth.test": Method(self.auth_test),
            "conversations.list": Method(self.channels),
            "conversations.info": Method(self.info),
            "conversations.history": Method(self.history),
            "conversations.replies": Method(self.replies),
            "conversations.members": Method(self.members),
            "conversations.join": Method(self.join, "channels:join"),
            "users.info": Method(self.user, "users:read"),
            "users.list": Method(self.users, "users:read"),
        }

    def auth_test(self, _: Arguments) -> dict[str, Any]:
        """Return the identity of the token."""
        return {
            "url": "https://sandbox.slack.com/",
            "team": "Sandbox",
            "user": self._workspace.people[BOT_USER_ID].name,
            "team_id": TEAM_ID,
            "user_id": BOT_USER_ID,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    def channels(self, arguments: Arguments) -> dict[str, Any]:
        """List channels; private ones only if the bot is a member."""
        types = set(arguments.text("types", "public_channel").replace(" ", "").split(","))
        if unknown := types - {"public_channel", "private_channel", "im", "mpim"}:
            raise SlackError("invalid_types", detail=min(unknown))
        if "public_channel" in types:
            self._access.require("channels:read")
        if "private_channel" in types:
            self._access.require("groups:read")
        shown = [
            channel
            for channel in self._workspace.channels.values()
            if ("private_channel" if channel.private else "public_channel") in types
            and (channel.has_bot or not channel.private)
            and not (channel.archived and arguments.flag("exclude_archived"))
        ]
        return _listed("channels", shown, lambda channel: channel.id, channel_object, arguments)

    def info(self, arguments: Arguments) -> dict[str, Any]:
        """Return a channel."""
        return {"channel": channel_object(self._channel(arguments, "read"))}

    def members(self, arguments: Arguments) -> dict[str, Any]:
        """List the ids of a channel's members."""
        channel = self._channel(arguments, "read")
        return _listed("members", sorted(channel.members), str, str, arguments)

    def join(self, arguments: Arguments) -> dict[str, Any]:
        """Add the bot to a public channel."""
        channel = self._channel(arguments, "read")
        if channel.private:
            raise SlackError("method_not_supported_for_channel_type")
        if channel.archived:
            raise SlackError("is_archived")
        channel.members.add(BOT_USER_ID)
        return {"channel": channel_object(channel)}

    def history(self, arguments: Arguments) -> dict[str, Any]:
        """Return the channel's messages, newest first, without thread replies."""
        channel, metadata = self._readable(arguments)
        shown = [
            message
            for message in reversed(self._within(channel.messages, arguments))
            if not message.reply
        ]
        return self._messages(shown, arguments, metadata, "history", le)

    def replies(self, arguments: Arguments) -> dict[str, Any]:
        """Return a thread, starting with its parent."""
        channel, metadata = self._readable(arguments)
        ts = arguments.text("ts")
        parent = channel.by_ts.get(ts)
        if parent is None or parent.visible_at > self._now():
            raise SlackError("thread_not_found")
        replies = channel.threads.get(parent.thread_ts or ts, [])
        shown = [channel.by_ts.get(parent.thread_ts or ts, parent)]
        shown += [reply for reply in self._within(replies, arguments) if reply not in shown]
        return self._messages(shown, arguments, metadata, "replies", ge)

    def user(self, arguments: Arguments) -> dict[str, Any]:
        """Return a user."""
        person = self._workspace.people.get(arguments.text("user"))
        if person is None:
            raise SlackError("user_not_found")
        return {"user": user_object(person)}

    def users(self, arguments: Arguments) -> dict[str, Any]:
        """List the users."""
        people = [*self._workspace.people.values()]
        return _listed("members", people, lambda person: person.id, user_object, arguments)

    def _channel(self, arguments: Arguments, action: str) -> Channel:
        channel = self._workspace.channels.get(arguments.text("channel"))
        if channel is None or (channel.private and not channel.has_bot):
            raise SlackError("channel_not_found")
        self._access.require(f"{'groups' if channel.private else 'channels'}:{action}")
        return channel

    def _readable(self, arguments: Arguments) -> tuple[Channel, bool]:
        channel = self._channel(arguments, "history")
        if not channel.has_bot:
            raise SlackError("not_in_channel")
        metadata = arguments.flag("include_all_metadata")
        if metadata:
            self._access.require("metadata.message:read")
        return channel, metadata

    def _within(self, messages: Iterable[Message], arguments: Arguments) -> list[Message]:
        now, inclusive = self._now(), arguments.flag("inclusive")
        oldest, latest = _time(arguments, "oldest"), _time(arguments, "latest")

        def inside(message: Message) -> bool:
            at = _microseconds(message.ts)
            after = oldest is None or at > oldest or (inclusive and at == oldest)
            until = latest is None or at < latest or (inclusive and at == latest)
            return message.visible_at <= now and after and until

        return [message for message in messages if inside(message)]

    def _messages(
        self,
        shown: list[Message],
        arguments: Arguments,
        metadata: bool,
        via: str,
        reached: Callable[[str, str], bool],
    ) -> dict[str, Any]:
        # Every ts has the same number of digits, so text order is time order.
        found = _page(shown, _ts, reached, arguments, 100, 999)
        page, cursor = found["items"], found["cursor"]
        ids = tuple(f"{message.channel.id}:{message.ts}" for message in page)
        self._log.write(Given.model_validate({"platform": "slack", "via": via, "ids": ids}))
        body = {
            "messages": [message_object(message, metadata=metadata) for message in page],
            "has_more": cursor != "",
            "pin_count": 0,
        }
        return body | _cursor(cursor) if cursor else body


def _time(arguments: Arguments, name: str) -> int | None:
    text = arguments.text(name)
    if text in ("", "now"):
        return None
    try:
        return _microseconds(text)
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _microseconds(ts: str) -> int:
    # Integers: a float of seconds cannot represent microseconds exactly.
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def _page(
    items: list[Item],
    key: Callable[[Item], str],
    reached: Callable[[str, str], bool],
    arguments: Arguments,
    default: int,
    maximum: int,
) -> dict[str, Any]:
    """Return `items`, the page at the request's cursor, and `cursor`, of the next page or "".

    A cursor is the key of the first item of its page, so that concurrent changes do not shift
    pages. `reached(key, cursor)` tells whether a key is at or past the cursor.
    """
    limit = arguments.number("limit", default, maximum)
    start = 0
    if text := arguments.text("cursor"):
        try:
            wanted = b64decode(text, validate=True).decode()
        except ValueError:
            raise SlackError("invalid_cursor") from None
        start = next(
            (at for at, item in enumerate(items) if reached(key(item), wanted)), len(items)
        )
    page, rest = items[start : start + limit], items[start + limit :]
    return {"items": page, "cursor": b64encode(key(rest[0]).encode()).decode() if rest else ""}


def _cursor(cursor: str) -> dict[str, Any]:
    return {"response_metadata": {"next_cursor": cursor}}


def _listed(
    name: str,
    items: list[Item],
    key: Callable[[Item], str],
    shown: Callable[[Item], Any],
    arguments: Arguments,
) -> dict[str, Any]:
    page = _page(items, key, eq, arguments, 100, 1000)
    return {name: [shown(item) for item in page["items"]]} | _cursor(page["cursor"])


def _ts(message: Message) -> str:
    return message.ts

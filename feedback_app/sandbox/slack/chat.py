"""The methods that post: `chat.postMessage`, `chat.update`, `chat.delete`, `chat.getPermalink`."""

from collections.abc import Callable
from typing import Any

from feedback_app.sandbox.log import Deleted, Log, Posted, Updated
from feedback_app.sandbox.slack import blocks as block_rules
from feedback_app.sandbox.slack.objects import message_object
from feedback_app.sandbox.slack.pace import Pace
from feedback_app.sandbox.slack.state import BOT_ID, BOT_USER_ID, Channel, Message, Workspace
from feedback_app.sandbox.slack.web import Access, Arguments, Method, RateLimited, SlackError

TEXT_LENGTH = 40_000
UPDATE_LENGTH = 4_000
"""`chat.update` accepts less text than `chat.postMessage`."""


class Chat:
    """The `chat.*` methods."""

    def __init__(
        self,
        workspace: Workspace,
        access: Access,
        pace: Pace,
        now: Callable[[], float],
        log: Log,
        url: Callable[[], str],
    ) -> None:
        self._workspace = workspace
        self._access = access
        self._pace = pace
        self._now = now
        self._log = log
        self._url = url

    def methods(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "chat.postMessage": Method(self.post, "chat:write"),
            "chat.update": Method(self.update, "chat:write"),
            "chat.delete": Method(self.delete, "chat:write"),
            "chat.getPermalink": Method(self.permalink),
        }

    def post(self, arguments: Arguments) -> dict[str, Any]:
        """Post a message; `channel` may be an id or a name."""
        channel = self._writable(arguments)
        wait = self._pace.try_post(channel.id, self._now())
        if wait:
            raise RateLimited(wait)
        text, blocks, metadata = self._content(arguments, TEXT_LENGTH)
        thread = arguments.text("thread_ts") or None
        if thread is not None and thread not in channel.by_ts:
            raise SlackError("thread_not_found")
        broadcast = thread is not None and arguments.flag("reply_broadcast")
        message = self._workspace.add(
            channel,
            text,
            user=BOT_USER_ID,
            bot_id=BOT_ID,
            thread_ts=thread,
            subtype="thread_broadcast" if broadcast else None,
            blocks=blocks,
            metadata=metadata,
        )
        self._log.write(
            Posted(
                channel=f"#{channel.name}",
                channel_id=channel.id,
                ts=message.ts,
                text=text,
                metadata=metadata,
                thread_ts=thread,
            )
        )
        return {
            "channel": channel.id,
            "ts": message.ts,
            "message": message_object(message, metadata=True),
        }

    def update(self, arguments: Arguments) -> dict[str, Any]:
        """Update a message that the app posted."""
        channel = self._writable(arguments)
        message = self._own(channel, arguments, "cant_update_message")
        text, blocks, metadata = self._content(arguments, UPDATE_LENGTH)
        self._workspace.change(message, text, by=BOT_USER_ID, blocks=blocks, metadata=metadata)
        self._log.write(
            Updated(
                channel=f"#{channel.name}",
                channel_id=channel.id,
                ts=message.ts,
                text=text,
                metadata=message.metadata,
            )
        )
        return {
            "channel": channel.id,
            "ts": message.ts,
            "text": text,
            "message": message_object(message, metadata=True),
        }

    def delete(self, arguments: Arguments) -> dict[str, Any]:
        """Delete a message that the app posted."""
        channel = self._writable(arguments)
        message = self._own(channel, arguments, "cant_delete_message")
        self._workspace.remove(message)
        self._log.write(Deleted(channel=f"#{channel.name}", channel_id=channel.id, ts=message.ts))
        return {"channel": channel.id, "ts": message.ts}

    def permalink(self, arguments: Arguments) -> dict[str, Any]:
        """Return a URL that opens the sandbox's page at the message."""
        channel = self._workspace.channels.get(arguments.text("channel"))
        if channel is None:
            raise SlackError("channel_not_found")
        ts = arguments.text("message_ts")
        if ts not in channel.by_ts:
            raise SlackError("message_not_found")
        link = f"{self._url()}/archives/{channel.id}/p{ts.replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    def _writable(self, arguments: Arguments) -> Channel:
        try:
            channel = self._workspace.channel(arguments.text("channel"))
        except KeyError:
            raise SlackError("channel_not_found") from None
        if channel.archived:
            raise SlackError("is_archived")
        if not channel.has_bot:
            if channel.private:
                raise SlackError("channel_not_found")
            if "chat:write.public" not in self._access.scopes:
                raise SlackError("not_in_channel")
        return channel

    def _own(self, channel: Channel, arguments: Arguments, error: str) -> Message:
        message = channel.by_ts.get(arguments.text("ts"))
        if message is None:
            raise SlackError("message_not_found")
        if not message.own:
            raise SlackError(error)
        return message

    def _content(
        self, arguments: Arguments, max_length: int
    ) -> tuple[str, list[dict[str, Any]] | None, dict[str, Any] | None]:
        text = arguments.text("text")
        blocks = arguments.structure("blocks", "invalid_blocks_format")
        metadata = arguments.structure("metadata", "invalid_metadata_format")
        if not text and not blocks:
            raise SlackError("no_text")
        if len(text) > max_length:
            raise SlackError("msg_too_long")
        if blocks is not None and (errors := block_rules.block_errors(blocks)):
            raise SlackError(
                "invalid_blocks", errors=errors, response_metadata={"messages": errors}
            )
        if metadata is not None and (error := block_rules.metadata_error(metadata)):
            raise SlackError(error)
        return text, blocks or None, metadata

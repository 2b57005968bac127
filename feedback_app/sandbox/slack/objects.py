"""The JSON shapes of Slack's responses and events; pure."""

from typing import Any

from feedback_app.sandbox.slack.state import (
    APP_ID,
    BOT_ID,
    BOT_USER_ID,
    TEAM_ID,
    Channel,
    Message,
    Person,
)


def message_object(message: Message, *, metadata: bool) -> dict[str, Any]:
    """Return the message as in history and events; its metadata only if `metadata`."""
    body: dict[str, Any] = {"type": "message", "text": message.text, "ts": message.ts}
    for name in ("subtype", "user", "bot_id", "username", "thread_ts", "blocks", "edited"):
        value = getattr(message, name)
        if value is not None:
            body[name] = value
    if message.bot_id == BOT_ID:
        body |= {"app_id": APP_ID, "team": TEAM_ID, "bot_profile": _bot_profile()}
    elif message.subtype is None:
        body["team"] = TEAM_ID
    if message.subtype == "thread_broadcast" and message.thread_ts is not None:
        body["root"] = {"ts": message.thread_ts, "thread_ts": message.thread_ts}
    replies = _replies(message)
    if replies:
        body |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users_count": len({reply.user for reply in replies}),
            "latest_reply": replies[-1].ts,
        }
    if metadata and message.metadata is not None:
        body["metadata"] = message.metadata
    return body


def event(
    kind: str, message: Message, before: Message | None, event_ts: str, *, metadata: bool
) -> dict[str, Any]:
    """Return the `message` event of a creation, an edit or a deletion."""
    where = {
        "channel": message.channel.id,
        "channel_type": "group" if message.channel.private else "channel",
        "event_ts": event_ts,
    }
    if kind == "create":
        return message_object(message, metadata=metadata) | where
    body: dict[str, Any] = {"type": "message", "hidden": True, "ts": event_ts} | where
    if before is not None:
        body["previous_message"] = message_object(before, metadata=metadata)
    if kind == "edit":
        now = message_object(message, metadata=metadata)
        return body | {"subtype": "message_changed", "message": now}
    return body | {"subtype": "message_deleted", "deleted_ts": message.ts}


def event_payload(event: dict[str, Any], event_id: str, at: float) -> dict[str, Any]:
    """Return the payload of an `events_api` envelope around an event."""
    return {
        "token": "verification-token",
        "team_id": TEAM_ID,
        "context_team_id": TEAM_ID,
        "api_app_id": APP_ID,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at),
        "authorizations": [
            {"team_id": TEAM_ID, "user_id": BOT_USER_ID, "is_bot": True, "enterprise_id": None}
        ],
        "is_ext_shared_channel": False,
    }


def press_payload(
    message: Message, element: dict[str, Any], block_id: str, user: Person, at: float, trigger: str
) -> dict[str, Any]:
    """Return the payload of an `interactive` envelope: a button press."""
    channel = {"id": message.channel.id, "name": message.channel.name}
    action = {
        "type": element["type"],
        "action_id": element.get("action_id", ""),
        "block_id": block_id,
        "action_ts": f"{at:.6f}",
    }
    action |= {name: element[name] for name in ("text", "value", "style") if name in element}
    return {
        "type": "block_actions",
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": TEAM_ID},
        "api_app_id": APP_ID,
        "token": "verification-token",
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel.id,
            "is_ephemeral": False,
        },
        "trigger_id": trigger,
        "team": {"id": TEAM_ID, "domain": "sandbox"},
        "channel": channel,
        "message": message_object(message, metadata=True),
        "actions": [action],
    }


def channel_object(channel: Channel) -> dict[str, Any]:
    """Return the channel as in `conversations.info`."""
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.private,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_general": False,
        "is_shared": False,
        "is_member": channel.has_bot,
        "num_members": len(channel.members),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def user_object(person: Person) -> dict[str, Any]:
    """Return the person as in `users.info`."""
    return {
        "id": person.id,
        "team_id": TEAM_ID,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": False,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "tz": "Etc/UTC",
        "tz_offset": 0,
        "profile": {
            "real_name": person.real_name,
            "display_name": person.name,
            "real_name_normalized": person.real_name,
            "display_name_normalized": person.name,
        },
    }


def _replies(message: Message) -> list[Message]:
    if message.thread_ts not in (None, message.ts):
        return []
    return message.channel.threads.get(message.ts, [])


def _bot_profile() -> dict[str, Any]:
    return {
        "id": BOT_ID,
        "app_id": APP_ID,
        "name": "Feedback Monitor",
        "deleted": False,
        "team_id": TEAM_ID,
    }

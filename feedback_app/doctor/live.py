"""A live test of Slack: what the delivery of an alert needs, tried once and tidied up."""

import time
from collections.abc import Iterable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.cli.slack import word_of
from feedback_app.clock import Clock
from feedback_app.doctor.check import Check, failed, passed
from feedback_app.doctor.rooms import Room
from feedback_app.doctor.slack_faults import OUTSIDE, refused, unreachable
from feedback_app.settings import Settings

LIVE = "live post"
EVENT_TYPE = "feedback_doctor"
SHOWN_WITHIN_S = 20.0


async def try_live(
    client: AsyncWebClient, settings: Settings, rooms: Iterable[Room], clock: Clock
) -> Check:
    """Post a test message, find it again by its metadata, and delete it."""
    channel = settings.ops_channel or settings.negative_channel
    room = next((room for room in rooms if channel in (room.id, f"#{room.name}")), None)
    if room is None:
        return failed(LIVE, f"there is no {channel} to post to", "create it and invite the bot")
    mark = f"doctor-{time.time_ns()}"
    metadata = {"event_type": EVENT_TYPE, "event_payload": {"id": mark}}
    try:
        posted = await client.chat_postMessage(
            channel=room.id,
            text="A test of the feedback monitor, deleted in a moment.",
            metadata=metadata,
        )
    except SlackApiError as error:
        return refused(LIVE, error)
    except OUTSIDE as error:
        return unreachable(LIVE, settings, error)
    ts = str(posted["ts"])
    try:
        found = await _find(client, room.id, ts, mark, clock)
    except SlackApiError as error:
        return refused(LIVE, error)
    except OUTSIDE as error:
        return unreachable(LIVE, settings, error)
    finally:
        left = await _delete(client, room.id, ts)
    if left:
        return failed(LIVE, f"the test message in {channel} stays: {left}", "delete it by hand")
    if not found:
        return failed(
            LIVE,
            f"the message in {channel} was posted, but its metadata cannot be read",
            "add the scopes metadata.message:read and channels:history (groups:history for a "
            "private channel) and install the app again",
        )
    return passed(LIVE, f"posted to {channel}, read back by metadata, deleted")


async def _find(client: AsyncWebClient, channel: str, ts: str, mark: str, clock: Clock) -> bool:
    deadline = clock.monotonic() + SHOWN_WITHIN_S
    while True:
        answer = await client.conversations_history(
            channel=channel, oldest=ts, inclusive=True, limit=15, include_all_metadata=True
        )
        for message in answer["messages"]:
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            if payload.get("id") == mark:
                return True
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(1.0)


async def _delete(client: AsyncWebClient, channel: str, ts: str) -> str | None:
    """Delete a message; return why it stays, or None."""
    try:
        await client.chat_delete(channel=channel, ts=ts)
    except SlackApiError as error:
        return word_of(error)[0] or f"HTTP {error.response.status_code}"
    except OUTSIDE as error:
        return type(error).__name__
    return None

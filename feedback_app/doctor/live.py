"""A live test of Slack: what the delivery of an alert needs, tried once and cleaned up."""

import time
from collections.abc import Iterable

from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.clock import Clock
from feedback_app.doctor.check import Check, failed, passed
from feedback_app.doctor.slack_faults import failed_call
from feedback_app.settings import Settings
from feedback_app.slack.channel import Channel
from feedback_app.slack.client import ask
from feedback_app.slack.errors import SlackError
from feedback_app.slack.metadata import PROBE

LIVE = "live post"
SHOWN_WITHIN_S = 20.0


async def try_live(
    client: AsyncWebClient, settings: Settings, channels: Iterable[Channel], clock: Clock
) -> Check:
    """Post a test message, find it again by its metadata, and delete it."""
    name = settings.ops_channel or settings.negative_channel
    channel = next((one.id for one in channels if name in (one.id, one.name)), None)
    if channel is None:
        return failed(LIVE, f"there is no {name} to post to", "create it and invite the bot")
    lookup = f"doctor-{time.time_ns()}"
    metadata = {"event_type": PROBE, "event_payload": {"id": lookup}}
    try:
        posted = await ask(
            client.chat_postMessage(
                channel=channel,
                text="A test of the feedback monitor, deleted in a moment.",
                metadata=metadata,
            )
        )
    except SlackError as error:
        return failed_call(LIVE, settings, error.failure)
    ts = str(posted["ts"])
    try:
        found = await _find(client, channel, ts, lookup, clock)
    except SlackError as error:
        return failed_call(LIVE, settings, error.failure)
    finally:
        left = await _delete(client, channel, ts)
    if left:
        return failed(LIVE, f"the test message in {name} stays: {left}", "delete it by hand")
    if not found:
        return failed(
            LIVE,
            f"the message in {name} was posted, but its metadata cannot be read",
            "add the scopes metadata.message:read and channels:history (groups:history for a "
            "private channel) and install the app again",
        )
    return passed(LIVE, f"posted to {name}, read back by metadata, deleted")


async def _find(client: AsyncWebClient, channel: str, ts: str, lookup: str, clock: Clock) -> bool:
    deadline = clock.monotonic() + SHOWN_WITHIN_S
    while True:
        answer = await ask(
            client.conversations_history(
                channel=channel, oldest=ts, inclusive=True, limit=15, include_all_metadata=True
            )
        )
        for message in answer["messages"]:
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            if payload.get("id") == lookup:
                return True
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(1.0)


async def _delete(client: AsyncWebClient, channel: str, ts: str) -> str | None:
    """Delete a message; return why it stays, or None."""
    try:
        await ask(client.chat_delete(channel=channel, ts=ts))
    except SlackError as error:
        failure = error.failure
        return failure.word or failure.exception or f"HTTP {failure.status}"
    return None

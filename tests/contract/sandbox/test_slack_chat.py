"""Posting into the stand-in Slack, with Slack's own client."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.sandbox import SLACK_APP_TOKEN, ManualClock, Sandbox

METADATA = {"event_type": "feedback_alert", "event_payload": {"alert_id": "a1"}}


async def refused(call: Any) -> Any:
    """Return the response of a call that Slack rejects."""
    with pytest.raises(SlackApiError) as raised:
        await call
    return raised.value.response


async def test_a_post_is_in_the_channel(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    answer = await slack.chat_postMessage(
        channel="#negative-feedback", text="hello", metadata=METADATA
    )
    message = sandbox.slack.channel("#negative-feedback").messages[0]
    assert (message.ts, message.text, message.metadata) == (answer["ts"], "hello", METADATA)
    assert answer["channel"] == message.channel.id
    assert answer["message"]["bot_id"] == "B0SANDBOX1"
    assert answer["message"]["metadata"] == METADATA


async def test_form_and_json_bodies_alike(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    channel = sandbox.slack.channel("#feedback-ops").id
    blocks = '[{"type": "divider"}]'
    form = {"channel": channel, "text": "one", "blocks": blocks, "metadata": None}
    await slack.api_call("chat.postMessage", data={k: v for k, v in form.items() if v})
    await slack.api_call(
        "chat.postMessage",
        json={"channel": channel, "text": "two", "blocks": [{"type": "divider"}]},
    )
    one, two = sandbox.slack.channel("#feedback-ops").messages
    assert one.blocks == two.blocks == [{"type": "divider"}]


async def test_a_channel_accepts_about_one_post_a_second(
    slack: AsyncWebClient, sandbox: Sandbox, clock: ManualClock
) -> None:
    async def post(channel: str) -> Any:
        return await slack.chat_postMessage(channel=channel, text="hello")

    await post("#negative-feedback")
    await post("#negative-feedback")
    response = await refused(post("#negative-feedback"))
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    assert response["error"] == "ratelimited"
    await post("#positive-feedback")
    clock.advance(1)
    await post("#negative-feedback")
    assert len(sandbox.slack.channel("#negative-feedback").messages) == 3


async def test_a_client_that_keeps_the_pace_is_never_refused(
    slack: AsyncWebClient, sandbox: Sandbox, clock: ManualClock
) -> None:
    for number in range(20):
        await slack.chat_postMessage(channel="#negative-feedback", text="hello")
        clock.advance(0.4 if number % 2 else 1.6)
    assert len(sandbox.slack.channel("#negative-feedback").messages) == 20


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (lambda slack: slack.remove_bot("#feedback"), "not_in_channel"),
        (lambda slack: slack.archive("#feedback"), "is_archived"),
        (lambda slack: slack.access.scopes.discard("chat:write"), "missing_scope"),
        (lambda slack: slack.revoke_tokens(), "token_revoked"),
    ],
)
async def test_posts_that_slack_rejects(
    slack: AsyncWebClient, sandbox: Sandbox, prepare: Any, error: str
) -> None:
    prepare(sandbox.slack)
    response = await refused(slack.chat_postMessage(channel="#feedback", text="hello"))
    assert response.status_code == 200
    assert (response["ok"], response["error"]) == (False, error)
    assert sandbox.slack.channel("#feedback").messages == []


async def test_a_missing_scope_is_named(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    sandbox.slack.access.scopes.discard("chat:write")
    response = await refused(slack.chat_postMessage(channel="#feedback", text="hello"))
    assert response["needed"] == "chat:write"
    assert "chat:write" not in response["provided"].split(",")
    assert "users:read" in response["provided"].split(",")


async def test_an_unknown_channel(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    response = await refused(slack.chat_postMessage(channel="#nowhere", text="hello"))
    assert response["error"] == "channel_not_found"
    sandbox.slack.create("secret", private=True, bot=False)
    response = await refused(slack.chat_postMessage(channel="#secret", text="hello"))
    assert response["error"] == "channel_not_found"


@pytest.mark.parametrize(
    ("token", "error"),
    [("xoxb-wrong", "invalid_auth"), (SLACK_APP_TOKEN, "not_allowed_token_type")],
)
async def test_a_token_that_is_not_the_bots(
    slack: AsyncWebClient, sandbox: Sandbox, token: str, error: str
) -> None:
    client = AsyncWebClient(token, base_url=sandbox.slack_url, retry_handlers=[])
    assert (await refused(client.auth_test()))["error"] == error


def section(length: int) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * length}}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": [section(3001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section(0)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "curtain"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "actions", "elements": []}]}, "invalid_blocks"),
        ({"text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_schema"),
    ],
)
async def test_content_beyond_the_limits(
    slack: AsyncWebClient, content: dict[str, Any], error: str
) -> None:
    # Bypass the client's own method, which warns about a missing text.
    call = slack.api_call("chat.postMessage", json={"channel": "#feedback"} | content)
    assert (await refused(call))["error"] == error


async def test_content_at_the_limits(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    blocks = [section(3000)] + [{"type": "divider"}] * 49
    await slack.chat_postMessage(channel="#feedback", text="x" * 40_000, blocks=blocks)
    (message,) = sandbox.slack.channel("#feedback").messages
    assert (len(message.text), message.blocks) == (40_000, blocks)


async def test_update_and_delete(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    posted = await slack.chat_postMessage(channel="#feedback", text="one", metadata=METADATA)
    where: Any = {"channel": posted["channel"], "ts": posted["ts"]}
    await slack.chat_update(**where, text="two")
    message = sandbox.slack.channel("#feedback").messages[0]
    assert (message.text, message.metadata) == ("two", METADATA)
    assert message.edited is not None
    await slack.chat_delete(**where)
    assert sandbox.slack.channel("#feedback").messages == []
    assert (await refused(slack.chat_update(**where, text="x")))["error"] == "message_not_found"
    assert (await refused(slack.chat_delete(**where)))["error"] == "message_not_found"


async def test_messages_of_others_are_not_changed(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    ts = sandbox.slack.say("#feedback", "mine")
    where: Any = {"channel": sandbox.slack.channel("#feedback").id, "ts": ts}
    assert (await refused(slack.chat_update(**where, text="x")))["error"] == "cant_update_message"
    assert (await refused(slack.chat_delete(**where)))["error"] == "cant_delete_message"


async def test_a_permalink_opens_the_message(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    posted = await slack.chat_postMessage(channel="#feedback", text="one")
    answer = await slack.chat_getPermalink(channel=posted["channel"], message_ts=posted["ts"])
    assert answer["permalink"].startswith(f"{sandbox.url}/archives/{posted['channel']}/p")

"""Reading the stand-in Slack, with Slack's own client."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.sandbox import ManualClock, Sandbox
from feedback_app.sandbox.slack.web import SCOPES

METADATA = {"event_type": "feedback_alert", "event_payload": {"alert_id": "a1"}}


async def history(slack: AsyncWebClient, sandbox: Sandbox, **more: Any) -> list[Any]:
    channel = sandbox.slack.channel("#feedback").id
    messages: list[Any] = (await slack.conversations_history(channel=channel, **more))["messages"]
    return messages


async def test_identity_of_the_app(slack: AsyncWebClient) -> None:
    answer = await slack.auth_test()
    assert (answer["user_id"], answer["bot_id"]) == ("U0SANDBOX1", "B0SANDBOX1")
    assert set(answer.headers["x-oauth-scopes"].split(",")) == set(SCOPES)


async def test_channels_page_by_page(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    names: list[str] = []
    cursor = ""
    while cursor or not names:
        answer = await slack.conversations_list(limit=2, cursor=cursor)
        names += [channel["name"] for channel in answer["channels"]]
        cursor = answer["response_metadata"]["next_cursor"]
    assert names == [
        "feedback",
        "product",
        "negative-feedback",
        "positive-feedback",
        "feedback-ops",
    ]


async def test_private_and_archived_channels_are_listed_on_request(
    slack: AsyncWebClient, sandbox: Sandbox
) -> None:
    sandbox.slack.create("secret", private=True)
    sandbox.slack.create("hidden", private=True, bot=False)
    sandbox.slack.archive("#product")
    answer = await slack.conversations_list(types="private_channel")
    assert [channel["name"] for channel in answer["channels"]] == ["secret"]
    answer = await slack.conversations_list(exclude_archived=True)
    assert "product" not in [channel["name"] for channel in answer["channels"]]


async def test_membership_is_shown(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    sandbox.slack.remove_bot("#product")
    channel = sandbox.slack.channel("#product").id
    assert not (await slack.conversations_info(channel=channel))["channel"]["is_member"]
    assert "U0SANDBOX1" not in (await slack.conversations_members(channel=channel))["members"]
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await slack.conversations_history(channel=channel)
    with pytest.raises(SlackApiError, match="missing_scope"):
        await slack.conversations_join(channel=channel)
    sandbox.slack.access.scopes.add("channels:join")
    await slack.conversations_join(channel=channel)
    assert (await slack.conversations_info(channel=channel))["channel"]["is_member"]


async def test_history_is_newest_first_and_pages(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    posted = [sandbox.slack.say("#feedback", f"message {number}") for number in range(5)]
    channel = sandbox.slack.channel("#feedback").id
    answer = await slack.conversations_history(channel=channel, limit=2)
    found = [message["ts"] for message in answer["messages"]]
    sandbox.slack.say("#feedback", "in between")
    while answer["has_more"]:
        answer = await slack.conversations_history(
            channel=channel, limit=2, cursor=answer["response_metadata"]["next_cursor"]
        )
        found += [message["ts"] for message in answer["messages"]]
    assert found == posted[::-1]


async def test_history_between_two_times(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    one, two, three = (sandbox.slack.say("#feedback", text) for text in ("a", "b", "c"))

    async def found(**more: Any) -> list[str]:
        return [message["ts"] for message in await history(slack, sandbox, **more)]

    assert await found(oldest=one) == [three, two]
    assert await found(latest=three) == [two, one]
    assert await found(oldest=one, latest=three) == [two]
    assert await found(oldest=one, latest=three, inclusive=True) == [three, two, one]


async def test_a_message_appears_in_the_history_seconds_late(
    slack: AsyncWebClient, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.slack.history_delay = (2.0, 5.0)
    posted = await slack.chat_postMessage(channel="#feedback", text="hello")
    assert await history(slack, sandbox) == []
    clock.advance(5)
    assert [message["ts"] for message in await history(slack, sandbox)] == [posted["ts"]]


async def test_metadata_is_shown_on_request_and_with_its_scope(
    slack: AsyncWebClient, sandbox: Sandbox
) -> None:
    await slack.chat_postMessage(channel="#feedback", text="hello", metadata=METADATA)
    assert "metadata" not in (await history(slack, sandbox))[0]
    assert (await history(slack, sandbox, include_all_metadata=True))[0]["metadata"] == METADATA
    sandbox.slack.access.scopes.discard("metadata.message:read")
    with pytest.raises(SlackApiError) as raised:
        await history(slack, sandbox, include_all_metadata=True)
    assert raised.value.response["needed"] == "metadata.message:read"


async def test_replies_appear_in_their_thread_only(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    parent = sandbox.slack.say("#feedback", "parent")
    reply = sandbox.slack.say("#feedback", "reply", thread_ts=parent)
    both = sandbox.slack.say("#feedback", "both", thread_ts=parent, broadcast=True)
    shown = await history(slack, sandbox)
    assert [message["ts"] for message in shown] == [both, parent]
    assert shown[1]["reply_count"] == 2
    channel = sandbox.slack.channel("#feedback").id
    thread = await slack.conversations_replies(channel=channel, ts=parent)
    assert [message["ts"] for message in thread["messages"]] == [parent, reply, both]
    with pytest.raises(SlackApiError, match="thread_not_found"):
        await slack.conversations_replies(channel=channel, ts="1.000000")


async def test_an_edit_appears_as_the_current_state(
    slack: AsyncWebClient, sandbox: Sandbox
) -> None:
    ts = sandbox.slack.say("#feedback", "good")
    edited = sandbox.slack.edit("#feedback", ts, "bad & <worse>")
    message = (await history(slack, sandbox))[0]
    assert message["text"] == "bad &amp; &lt;worse&gt;"
    assert message["edited"]["ts"] == edited
    sandbox.slack.delete("#feedback", ts)
    assert await history(slack, sandbox) == []


async def test_links_and_known_names_are_marked_up(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    sandbox.slack.say("#feedback", "see https://example.com/a?b=1&c=2. @tom.hale @nobody")
    tom = sandbox.slack.person("tom.hale").id
    text = (await history(slack, sandbox))[0]["text"]
    assert text == f"see <https://example.com/a?b=1&amp;c=2>. <@{tom}> @nobody"


async def test_people(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    people = (await slack.users_list())["members"]
    assert {"mira.sato", "feedback_monitor"} <= {person["name"] for person in people}
    tom = sandbox.slack.person("tom.hale").id
    assert (await slack.users_info(user=tom))["user"]["real_name"] == "Tom Hale"
    with pytest.raises(SlackApiError, match="user_not_found"):
        await slack.users_info(user="U1NOBODY")


@pytest.mark.parametrize("value", ["now and then", "0"])
async def test_a_limit_that_is_not_a_number(
    slack: AsyncWebClient, sandbox: Sandbox, value: str
) -> None:
    with pytest.raises(SlackApiError, match="invalid_limit"):
        await history(slack, sandbox, limit=value)

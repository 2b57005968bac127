"""Slack's events into feedback: what is accepted, what is left out, and no shape that breaks it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.hop.errors import BadRecord
from feedback_app.sources.slack.events import (
    Conditions,
    Ignored,
    Reader,
    Workspace,
    microseconds,
    permalink,
    unescape,
)
from feedback_app.sources.slack.options import SlackOptions
from models import Feedback

NOW = 1_790_000_000.0
TS = "1789999990.000200"
US = 1_789_999_990_000_200

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["ts", "text", "user", "subtype", "bot_id", "metadata", "edited", "thread_ts", "deleted_ts"]
)
message_like = st.dictionaries(names, json_values | st.just(TS))
event_like = st.builds(
    lambda message, former, rest, subtype: (
        {"type": "message", "channel": "C1", "subtype": subtype, "message": message}
        | {"previous_message": former}
        | rest
    ),
    message_like | json_values,
    message_like | json_values,
    message_like,
    st.sampled_from([None, "message_changed", "message_deleted", "thread_broadcast", "new_kind"]),
)


def reader(**more: Any) -> Reader:
    """Return a reader of one source on C1."""
    source = SlackOptions.model_validate({"id": "slack", "type": "slack", "channel": "#a"} | more)
    workspace = Workspace("https://team.slack.com/", "UBOT", "BBOT")
    return Reader((Conditions.of(source, {"#a": "C1"}),), workspace)


def event(**more: Any) -> dict[str, Any]:
    """Return the event of a person's message."""
    return {"type": "message", "channel": "C1", "user": "U1", "text": "hello", "ts": TS} | more


def accepted(found: Feedback | Ignored) -> Feedback:
    """Return the feedback, or fail."""
    assert isinstance(found, Feedback), found
    return found


def changed(text: str, former: str, **more: Any) -> dict[str, Any]:
    """Return the event of an edit."""
    message = {"user": "U1", "ts": TS, "edited": {"ts": "1789999995.000000"}}
    return event(
        subtype="message_changed",
        message=message | {"text": text} | more,
        previous_message=message | {"text": former},
        ts="1789999995.000100",
    )


def test_every_field() -> None:
    found = accepted(reader().event(event(text="a &lt;@U2&gt; &amp;lt; <!here>"), NOW))
    assert found == Feedback(
        id=f"slack:C1:{TS}",
        text="a <@U2> &lt; <!here>",
        source="slack",
        revision=US,
        kind="create",
        author="U1",
        url="https://team.slack.com/archives/C1/p1789999990000200",
        created_at="2026-09-21T14:13:10.000Z",
        received_at=found.received_at,
    )


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": "B1"},
        {"subtype": "bot_message"},
        {"user": "UBOT"},
        {"subtype": "channel_join"},
        {"subtype": "something_new"},
        {"text": "  "},
        {"channel": "C2"},
        {"type": "reaction_added"},
    ],
)
def test_left_out(more: dict[str, Any]) -> None:
    assert isinstance(reader().event(event(**more), NOW), Ignored)


@pytest.mark.parametrize("subtype", ["thread_broadcast", "me_message", "file_share"])
def test_what_people_write_in_other_ways_is_accepted(subtype: str) -> None:
    assert accepted(reader().event(event(subtype=subtype), NOW)).text == "hello"


def test_marked_sample_feedback_is_accepted_from_a_bot() -> None:
    metadata = {"event_type": "feedback_say"}
    assert accepted(reader().event(event(bot_id="B1", metadata=metadata), NOW)).text == "hello"
    other = {"event_type": "feedback_alert"}
    assert isinstance(reader().event(event(bot_id="B1", metadata=other), NOW), Ignored)


def test_only_unmet_conditions_count_as_filtered() -> None:
    found = reader(keyword="kettle").event(event(), NOW)
    assert found == Ignored("conditions not met", "slack")
    found = reader().event(event(bot_id="B1"), NOW)
    assert isinstance(found, Ignored)
    assert found.source is None


def test_an_edit_is_a_revision_by_its_time() -> None:
    found = accepted(reader().event(changed("new", "old"), NOW))
    assert (found.id, found.text, found.kind) == (f"slack:C1:{TS}", "new", "edit")
    assert found.revision == 1_789_999_995_000_000


def test_a_change_without_an_edit_is_none() -> None:
    assert isinstance(reader().event(changed("same", "same", edited=None), NOW), Ignored)


def test_an_edit_counts_where_either_text_met_the_conditions() -> None:
    strict = reader(keyword="kettle")
    assert accepted(strict.event(changed("kettle", "teapot"), NOW)).text == "kettle"
    assert accepted(strict.event(changed("teapot", "kettle"), NOW)).text == "teapot"
    assert isinstance(strict.event(changed("teapot", "pot"), NOW), Ignored)


def test_a_deletion_is_passed_on_whatever_the_text_was() -> None:
    gone = event(subtype="message_deleted", deleted_ts=TS, event_ts="1789999999.000100")
    found = accepted(reader(keyword="kettle").event(gone, NOW))
    assert (found.id, found.kind, found.text) == (f"slack:C1:{TS}", "delete", "")
    assert found.revision == 1_789_999_999_000_100


def test_a_deleted_head_of_a_thread_is_a_deletion() -> None:
    tombstone = changed("", "old", subtype="tombstone") | {"event_ts": "1789999999.000100"}
    found = accepted(reader().event(tombstone, NOW))
    assert (found.id, found.kind) == (f"slack:C1:{TS}", "delete")


def test_the_deletion_of_a_bots_message_is_none_of_ours() -> None:
    gone = event(subtype="message_deleted", deleted_ts=TS, event_ts=TS)
    gone["previous_message"] = {"bot_id": "BBOT", "text": "an alert"}
    assert isinstance(reader().event(gone, NOW), Ignored)


def test_a_reply_links_to_its_thread() -> None:
    found = accepted(reader().event(event(thread_ts="1789999980.000100"), NOW))
    assert found.url is not None
    assert found.url.endswith("?thread_ts=1789999980.000100&cid=C1")
    assert permalink("", "C1", TS, None) is None


@given(event_like | json_values)
def test_any_event_is_feedback_ignored_or_a_bad_record(payload: object) -> None:
    try:
        found = reader(keyword="a").event(payload, NOW)
    except BadRecord:
        return
    if isinstance(found, Feedback):
        assert Feedback.decode(found.encode()) == found


@given(st.text())
def test_escaping_is_undone_exactly(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert unescape(escaped) == text


@pytest.mark.parametrize(
    "ts", ["", "1", "1.", ".1", "1.0000001", 1.5, None, "١.١", "-1.0", "1.1\n"]
)
def test_what_is_no_ts(ts: object) -> None:
    assert microseconds(ts) is None


def test_a_ts_in_microseconds() -> None:
    assert microseconds(TS) == US
    assert microseconds("1.5") == 1_500_000

"""Messages: readable, within Slack's limits, and harmless whatever stands in them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.alerting.receivers.slack import message as messages
from feedback_app.alerting.receivers.slack.markup import escape, link, one_line, units
from feedback_app.alerting.receivers.slack.message import DIGEST_MOST, SlackMessage
from models import Alert
from tests.unit.alerting.world import alert, retract

COMMAND = re.compile(r"<[^>]*>?")
SAFE_LINK = re.compile(r"<https?://[^\s<>|]+\|[^<>]*>")
HOSTILE = ["<!channel>", "<@U012>", "<#C01|x>", "&lt;!here&gt;", "<https://evil.test|bank>", "\x00"]

anything = st.one_of(
    st.text(max_size=4000),
    st.lists(st.sampled_from([*HOSTILE, "&", "<", ">", "😡", "a", "\n", " "]), max_size=3500).map(
        "".join
    ),
)
urls = st.one_of(st.none(), anything, st.just("https://x.test/a?b=1&c=2"))
alerts = st.builds(
    alert,
    text=anything,
    score=st.one_of(st.none(), st.floats(0, 1)),
    label=st.one_of(st.none(), anything, st.sampled_from(messages.CLASSES)),
    probabilities=st.one_of(
        st.none(), st.dictionaries(st.sampled_from(messages.CLASSES), st.floats(0, 1))
    ),
    source=anything,
    author=st.one_of(st.none(), anything),
    url=urls,
    created_at=st.one_of(st.none(), anything),
)


def texts(made: SlackMessage) -> list[str]:
    """Return every text of a message that Slack would parse."""
    found = [made.text]
    for block in made.blocks:
        objects = [block["text"]] if "text" in block else block["elements"]
        for one in objects:
            assert one["type"] == "mrkdwn"
            assert one["verbatim"] is True
            found.append(one["text"])
    return found


def check(made: SlackMessage) -> None:
    """Fail where Slack would refuse the message, or run something in it."""
    assert 0 < units(made.text) <= 3000
    assert len(made.blocks) <= 50
    for text in texts(made):
        assert 0 < units(text) <= 3000
        assert not COMMAND.search(SAFE_LINK.sub("", text))
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
        text.encode()
    assert sum(map(units, texts(made)[1:])) <= 10_000
    assert made.metadata["event_type"] == "feedback_alert"
    assert len(str(made.metadata)) < 3000


@given(alerts)
def test_no_text_breaks_a_message(one: Alert) -> None:
    check(messages.single(one))
    check(messages.withdrawn(one))


@given(st.lists(alerts, min_size=1, max_size=4), st.integers(1, DIGEST_MOST))
def test_no_texts_break_a_digest(some: list[Alert], size: int) -> None:
    lines = [
        (f"{n:032x}", messages.line(one) if n % 3 else messages.withdrawn_line(one))
        for n in range(size)
        for one in [some[n % len(some)]]
    ]
    assert all(units(line) <= messages.LINE_UNITS for _, line in lines)
    made = messages.digest("d" * 32, 1, lines)
    check(made)
    assert "".join(texts(made)).count("• ") >= size
    assert len(made.metadata["event_payload"]["alerts"]) == size


@given(anything, st.integers(1, 300))
def test_escaped_text_keeps_to_its_limit(text: str, limit: int) -> None:
    made = escape(text, limit)
    assert units(made) <= limit
    assert "<" not in made
    assert "\n" not in one_line(text, limit)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("a & b <c>", 99, "a &amp; b &lt;c&gt;"),
        ("<!channel> now", 99, "&lt;!channel&gt; now"),
        ("abcdef", 4, "abc…"),
        ("ab&cd", 5, "ab…"),
        ("😡😡😡", 4, "😡…"),
        ("a\u202eb\x07", 9, "ab"),
        ("\ud800x", 9, "?x"),
    ],
)
def test_escaping(text: str, limit: int, expected: str) -> None:
    assert escape(text, limit) == expected


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "https://a.test/<!channel>",
        "https://a.test/x|y",
        "https://a.test/ b",
        "https://a.test/" + "x" * 1000,
        "https://a.test/\u202ex",
    ],
)
def test_what_is_no_link(url: str | None) -> None:
    assert link(url, "open") is None


def test_an_alert_says_what_a_person_wants_to_know() -> None:
    made = messages.single(
        alert(
            text="It broke & nobody answers",
            score=0.08,
            probabilities={"negative": 0.9, "neutral": 0.07, "positive": 0.03},
            author="@jane",
            url="https://x.test/1?a=1&b=2",
        )
    )
    whole = "\n".join(texts(made))
    for part in (
        "Negative feedback, score 0.08",
        "▮▯▯▯▯▯▯▯▯▯",
        "negative 90 % · neutral 7 % · positive 3 %",
        "It broke &amp; nobody answers",
        "source x",
        "by @jane",
        "<https://x.test/1?a=1&amp;b=2|open the message>",
        "rule negative",
    ):
        assert part in whole
    payload: dict[str, Any] = made.metadata["event_payload"]
    assert payload == {"id": alert().id, "revision": 0, "alerts": [alert().id]}


def test_the_note_tells_a_deletion_from_an_edit() -> None:
    assert "deleted" in messages.withdrawal(retract())
    edited = alert(op="retract", text="better now", score=0.55)
    assert "now scores 0.55" in messages.withdrawal(edited)
    assert "better now" not in str(messages.withdrawn(edited).blocks)

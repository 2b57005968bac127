"""The latest messages and alerts: newest revision, no deleted text, safe links."""

from itertools import permutations

import pytest

from feedback_app.load_settings import load
from feedback_app.web.recent import alerts, messages, newest_revisions, web_link
from models import Delivery, Feedback, ScoredFeedback


def scored(identity: str, revision: int = 0, kind: str = "create") -> ScoredFeedback:
    text = "" if kind == "delete" else f"{identity} in revision {revision}"
    return ScoredFeedback(
        feedback=Feedback(id=identity, text=text, revision=revision, kind=kind),
        score=None if kind == "delete" else 0.1,
    )


def delivery(
    identity: str, status: str, rule: str | None = None, line: str | None = None
) -> Delivery:
    return Delivery(
        id=identity, status=status, channel="C0123456", feedback_id="a", rule=rule, line=line
    )


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_the_newest_revision_is_shown_once_in_any_order(order: tuple[int, ...]) -> None:
    found = messages(newest_revisions(scored("a", revision) for revision in order))
    assert [message["text"] for message in found] == ["a in revision 2"]


@pytest.mark.parametrize(
    "order", list(permutations([scored("a", 1), scored("a", 5), scored("a", 2, "delete")]))
)
def test_a_deletion_wins_over_every_revision(order: tuple[ScoredFeedback, ...]) -> None:
    known = newest_revisions(order)
    assert messages(known) == []
    [alert] = alerts([delivery("1", "posted", line="a in revision 1")], known, load({}))
    assert (alert["gone"], alert["text"]) == (True, None)


def test_the_latest_come_first_up_to_the_limit() -> None:
    known = newest_revisions(scored(str(i)) for i in range(9))
    assert [message["id"] for message in messages(known, 3)] == ["8", "7", "6"]


def test_an_alert_has_the_state_of_its_newest_record_and_the_name_of_its_channel() -> None:
    records = [
        delivery("1", "claimed", rule="negative"),
        delivery("2", "posted", rule="gone"),
        delivery("1", "posted", rule="negative", line="&lt;!channel&gt; &amp;lt; down"),
    ]
    first, second = alerts(records, {}, load({}))
    assert (first["id"], first["state"], first["channel"]) == ("1", "posted", "#negative-feedback")
    assert first["text"] == "<!channel> &lt; down"
    assert (second["id"], second["channel"]) == ("2", "C0123456")


def test_a_withdrawn_alert_shows_no_text() -> None:
    [alert] = alerts(
        [delivery("1", "retracted", line="old")], newest_revisions([scored("a")]), load({})
    )
    assert (alert["state"], alert["gone"], alert["text"]) == ("withdrawn", True, None)


def test_a_long_text_is_cut() -> None:
    long = ScoredFeedback(feedback=Feedback(id="a", text="x" * 64_000), score=0.5)
    [message] = messages(newest_revisions([long]))
    assert message["text"] == "x" * 599 + "…"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://x.com/a/status/1", True),
        ("http://example.com", True),
        ("javascript:alert(1)", False),
        ("JaVaScript:alert(1)", False),
        ("data:text/html,<script>", False),
        ("//example.com", False),
        ("https://", False),
        ("https://[broken", False),
        (None, False),
    ],
)
def test_only_http_urls_become_links(url: str | None, kept: bool) -> None:
    assert web_link(url) == (url if kept else None)


def test_slack_markup_is_removed_from_the_line_of_a_digest() -> None:
    line = "• 0.05 <https://x.example/1?a=1&amp;b=2|@mira>: down &amp; &lt;https://out|x&gt;"
    [alert] = alerts([delivery("1", "posted", line=line)], {}, load({}))
    assert alert["text"] == "0.05 @mira: down & <https://out|x>"


def test_an_alert_with_unknown_text_is_not_shown_as_withdrawn() -> None:
    [alert] = alerts([delivery("1", "posted")], {}, load({}))
    assert (alert["gone"], alert["text"]) == (False, None)

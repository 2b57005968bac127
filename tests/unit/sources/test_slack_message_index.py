"""What is known of Slack's messages, and what a page of the history tells beyond it."""

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sources.slack.events import Conditions, Reader, microseconds
from feedback_app.sources.slack.history import SETTLED_S, Page, compare
from feedback_app.sources.slack.message_index import MessageIndex
from feedback_app.sources.slack.options import SlackOptions
from models import Feedback

NOW = 1_790_000_000.0
NOW_US = int(NOW * 1e6)
SOURCE = SlackOptions.model_validate({"id": "slack", "type": "slack", "channel": "C12345"})
READER = Reader((Conditions.of(SOURCE, {"C12345": "C12345"}),))


def ts(age_s: int) -> str:
    """Return the ts of a message so many seconds old."""
    return f"{int(NOW) - age_s}.000000"


def known_message(age_s: int, revision: int = 1, kind: str = "create", url: str = "") -> Feedback:
    """Return the feedback of a message."""
    identity = f"slack:C12345:{ts(age_s)}"
    return Feedback(
        id=identity, text="t", source="slack", revision=revision, kind=kind, url=url or None
    )


def test_the_newest_revision_counts_and_a_deletion_stays() -> None:
    index = MessageIndex()
    index.remember(known_message(10, 5))
    index.remember(known_message(10, 4))
    known = index.get("C12345", ts(10))
    assert known is not None
    assert known.revision == 5
    index.remember(known_message(10, 6, "delete"))
    index.remember(known_message(10, 7))
    assert list(index.alive("C12345")) == []


def test_other_sources_are_none_of_its_business() -> None:
    index = MessageIndex()
    index.remember(Feedback(id="x:1", text="t", source="x"))
    index.remember(Feedback(id="slack:C12345:nonsense", text="t", source="slack"))
    assert list(index.alive("C12345")) == []


def test_a_reply_keeps_its_thread_over_revisions() -> None:
    index = MessageIndex()
    url = f"https://a.slack.com/archives/C12345/p1?thread_ts={ts(90)}&cid=C12345"
    index.remember(known_message(10, 1, url=url))
    index.remember(known_message(10, 2))
    (reply,) = index.alive("C12345")
    assert reply.thread == ts(90)


def test_what_is_older_than_a_day_is_forgotten() -> None:
    index = MessageIndex()
    for age in range(60 * 3600, 0, -600):
        index.remember(known_message(age))
    sent = [each.sent for each in index.alive("C12345")]
    assert min(sent) >= NOW_US - 27 * 3600 * 1_000_000
    assert min(sent) <= NOW_US - 24 * 3600 * 1_000_000


@given(
    before=st.sets(st.integers(1, 3000), max_size=30),
    deleted=st.sets(st.integers(1, 3000)),
    unheard=st.sets(st.integers(1, 3000), max_size=10),
    bounds=st.tuples(st.integers(0, 3000), st.integers(0, 3000)),
)
def test_news_and_deletions_are_exactly_those_inside_the_page(
    before: set[int], deleted: set[int], unheard: set[int], bounds: tuple[int, int]
) -> None:
    index = MessageIndex()
    for age in before:
        index.remember(known_message(age, microseconds(ts(age)) or 0))
    youngest, oldest = min(bounds), max(bounds)
    there = {age for age in (before - deleted) | unheard if youngest <= age <= oldest}
    page = Page(
        tuple({"type": "message", "ts": ts(age), "text": "t", "user": "U1"} for age in there),
        NOW_US - oldest * 1_000_000,
        NOW_US - youngest * 1_000_000,
    )
    found = compare(page, "C12345", index.alive("C12345"), index, READER, NOW)
    assert {each.id for each in found.unknown} == {f"slack:C12345:{ts(a)}" for a in there - before}
    gone = {age for age in before - there if max(youngest, SETTLED_S) <= age <= oldest}
    assert {each.ts for each in found.missing} == {ts(age) for age in gone}
    assert not found.malformed

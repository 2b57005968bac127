"""Invariants of paging, the rate limit of a channel and the bounds of faults."""

import re
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_app.sandbox import ManualClock, Rate, Sandbox
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.log import Log
from feedback_app.sandbox.slack.conversations import Conversations
from feedback_app.sandbox.slack.pace import Pace
from feedback_app.sandbox.slack.web import Arguments

from .conftest import START


@settings(deadline=None)
@given(
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
    rate=st.floats(0.1, 20),
)
def test_a_channel_never_accepts_more_than_its_rate_and_one(gaps: list[float], rate: float) -> None:
    pace, now = Pace(rate), 1000.0
    taken = []
    for gap in gaps:
        now += gap
        if pace.try_post("C1", now) == 0:
            taken.append(now)
    for number, first in enumerate(taken):
        for more, last in enumerate(taken[number:]):
            assert more <= (last - first) * rate + 1.001


@settings(deadline=None)
@given(early=st.integers(0, 30), rate=st.floats(0.1, 20))
def test_a_post_after_the_requested_wait_is_accepted(early: int, rate: float) -> None:
    pace = Pace(rate)
    for _ in range(early):
        pace.try_post("C1", 1000.0)
    wait = pace.try_post("C1", 1000.0)
    if wait:
        assert pace.try_post("C1", 1000.0 + wait) == 0


@settings(deadline=None)
@given(jitter=st.lists(st.floats(0, 0.99), max_size=60), rate=st.floats(0.1, 20))
def test_an_evenly_paced_client_is_accepted_despite_jitter(
    jitter: list[float], rate: float
) -> None:
    pace = Pace(rate)
    for number, late in enumerate(jitter):
        assert pace.try_post("C1", 1000 + (number + late) / rate) == 0


@settings(deadline=None)
@given(count=st.integers(0, 40), limit=st.integers(1, 15), inserts=st.sets(st.integers(0, 8)))
def test_the_pages_of_a_history_add_up_to_the_history(
    count: int, limit: int, inserts: set[int]
) -> None:
    box = Sandbox(clock=ManualClock(START), slack={"history_delay": (0, 0)})
    # Built directly: without an event loop no event can be sent, and none is needed here.
    box.slack.listeners.clear()
    posted = [box.slack.say("#feedback", f"message {number}") for number in range(count)]
    channel = box.slack.channel("#feedback").id
    reading = Conversations(box.slack, box.slack.access, box.clock.now, box.log)
    found: list[str] = []
    cursor, page = "", 0
    while page == 0 or cursor:
        if page in inserts:
            box.slack.say("#product", "elsewhere")
            if page:
                box.slack.say("#feedback", "in between")
        history = reading.history(Arguments({"channel": channel, "limit": limit, "cursor": cursor}))
        found += [message["ts"] for message in history["messages"]]
        cursor = history.get("response_metadata", {}).get("next_cursor", "")
        page += 1
    assert found == posted[::-1]


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_typed_text_is_restored_by_removing_its_markup(text: str) -> None:
    box = Sandbox(clock=ManualClock(START))
    marked = box.slack.format_typed(text)
    people = {person.id: person.name for person in box.slack.people.values()}
    plain = re.sub(r"<@(\w+)>", lambda match: f"@{people[match[1]]}", marked)
    plain = re.sub(r"<(https?:[^<>]*)>", r"\1", plain)
    for mark, sign in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        plain = plain.replace(mark, sign)
    assert plain == text


@settings(deadline=None)
@given(share=st.floats(0, 1), most=st.integers(0, 20), seed=st.integers(0, 100))
def test_a_fault_never_happens_more_often_than_its_maximum(
    share: float, most: int, seed: int
) -> None:
    log = Log(lambda: 0.0)
    faults = Faults(["slow"], Random(seed), log, {"slow": Rate(share, most)})
    hits = sum(faults.hit("slow", "x", "somewhere") for _ in range(100))
    assert hits <= most
    assert len(log.entries) == hits
    assert not faults.hit("odd", "x", "somewhere")

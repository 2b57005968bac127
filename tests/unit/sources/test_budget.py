"""The budget of posts: counted by UTC day and month, over restarts, never overdrawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sources.protocol import BudgetSpent
from feedback_app.sources.x.budget import Limits, Spend, Users, allowed, day_of, key, tallies
from models import Cursor, Feedback

NOON = 1_790_078_400.0
DAY = 86400.0


def test_counts_end_with_their_period() -> None:
    spend = Spend().plus(70, 3, NOON)
    assert (spend.day_posts, spend.month_posts, spend.requests) == (70, 70, 3)
    assert spend.at(NOON + 900).requests == 0
    assert spend.at(NOON + DAY).day_posts == 0
    assert spend.at(NOON + DAY).month_posts == 70
    assert spend.at(NOON + 31 * DAY).month_posts == 0


def test_a_tally_survives_as_a_record() -> None:
    spend = Spend().plus(70, 3, NOON)
    record = Cursor.decode(spend.cursor("x", NOON).encode())
    assert record.source == key("x")
    assert tallies({key("x"): record, "x": Cursor(source="x", position="1")}) == {"x": spend}


@pytest.mark.parametrize("position", ["", "[]", "17", '{"day": 1, "more": 2}', "{"])
def test_an_unreadable_tally_counts_as_none(position: str) -> None:
    assert Spend.of(Cursor(source=key("x"), position=position)) == Spend()


@given(
    daily=st.none() | st.integers(10, 500),
    monthly=st.none() | st.integers(10, 2000),
    wanted=st.lists(st.integers(0, 100), max_size=60),
    step=st.floats(0, DAY),
)
def test_it_is_never_overdrawn(
    daily: int | None, monthly: int | None, wanted: list[int], step: float
) -> None:
    limits, spend, now = Limits(daily, monthly), Spend(), NOON
    for want in wanted:
        now += step
        try:
            most = allowed([spend], limits, now)
        except BudgetSpent:
            continue
        assert 10 <= most <= 100
        spend = spend.plus(min(want, most), 1, now)
        assert daily is None or spend.day_posts <= daily
        assert monthly is None or spend.month_posts <= monthly


@given(
    daily=st.none() | st.integers(10, 300),
    monthly=st.none() | st.integers(10, 900),
    pages=st.lists(st.lists(st.integers(0, 150), max_size=100), max_size=40),
    step=st.floats(0, DAY),
)
def test_users_are_never_overdrawn_and_each_is_bought_once_a_day(
    daily: int | None, monthly: int | None, pages: list[list[int]], step: float
) -> None:
    limits = Limits(daily_users=daily, monthly_users=monthly)
    spend, users, now = Spend(), Users(), NOON
    bought: dict[str, set[str]] = {}
    for page in pages:
        now += step
        try:
            most = allowed([spend], limits, now)
        except BudgetSpent:
            continue
        posts = [Feedback(id=f"x:{n}", text="", author=f"a{n}") for n in page[:most]]
        new = users.fresh([*posts, Feedback(id="x:0", text="")], now)
        spend = spend.plus(len(posts), 1, now, len(new))
        users.add(new, now)
        bought.setdefault(day_of(now), set()).update(f"a{n}" for n in page[:most])
        assert spend.day_users == len(bought[day_of(now)])
        assert daily is None or spend.day_users <= daily
        assert monthly is None or spend.month_users <= monthly


def test_sources_share_one_budget() -> None:
    spends = [Spend().plus(60, 1, NOON), Spend().plus(35, 1, NOON)]
    with pytest.raises(BudgetSpent, match="95 of the 100 posts of FEEDBACK_X_DAILY_POSTS"):
        allowed(spends, Limits(daily=100), NOON)
    assert allowed(spends, Limits(daily=150), NOON) == 55

"""What was bought from X: posts and users a UTC day and month, requests a quarter of an hour.

Pure. A tally is a record on `cursors` under `spend|<source>`, written with the pages that it
counts, so it survives restarts and every worker sees it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson

from feedback_app.sources.protocol import BudgetSpent
from feedback_app.sources.x.limits import PAGE_LEAST, PAGE_MOST, REQUEST_WINDOW_S
from models import Cursor, Feedback, rfc3339

KEY_PREFIX = "spend|"


@dataclass(frozen=True, slots=True)
class Spend:
    """A source's tally; each count belongs to the day, month or window beside it."""

    day: str = ""
    day_posts: int = 0
    month: str = ""
    month_posts: int = 0
    window: int = 0
    requests: int = 0
    day_users: int = 0
    month_users: int = 0

    def at(self, now: float) -> "Spend":
        """Return the tally at `now`: counts of earlier periods are zero."""
        day, month, window = day_of(now), day_of(now)[:7], int(now // REQUEST_WINDOW_S)
        return Spend(
            day=day,
            day_posts=self.day_posts if self.day == day else 0,
            month=month,
            month_posts=self.month_posts if self.month == month else 0,
            window=window,
            requests=self.requests if self.window == window else 0,
            day_users=self.day_users if self.day == day else 0,
            month_users=self.month_users if self.month == month else 0,
        )

    def plus(self, posts: int, requests: int, now: float, users: int = 0) -> "Spend":
        """Return the tally with so many more posts, requests and users."""
        spend = self.at(now)
        return replace(
            spend,
            day_posts=spend.day_posts + posts,
            month_posts=spend.month_posts + posts,
            requests=spend.requests + requests,
            day_users=spend.day_users + users,
            month_users=spend.month_users + users,
        )

    def rank(self) -> tuple[str, int, int, int]:
        """Return what orders tallies of one source by how far on they are."""
        return (self.month, self.month_posts, self.window, self.requests)

    def cursor(self, source: str, now: float) -> Cursor:
        """Return the record to write under `key(source)`."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return Cursor(source=key(source), position=orjson.dumps(fields).decode(), at=rfc3339(now))

    @classmethod
    def of(cls, cursor: Cursor | None) -> "Spend":
        """Return the tally in a record; an empty one for a record that cannot be read."""
        try:
            found = orjson.loads(cursor.position) if cursor is not None else {}
            return cls(**found)
        except (orjson.JSONDecodeError, TypeError):
            return cls()


@dataclass(frozen=True, slots=True)
class Limits:
    """The budget of posts and of users; None means no limit."""

    daily: int | None = None
    monthly: int | None = None
    daily_users: int | None = None
    monthly_users: int | None = None


class Users:
    """The authors that were bought on this UTC day: X charges each one once a day.

    It lives in this process: after a restart some authors are counted twice, and none is missed.
    """

    def __init__(self) -> None:
        self._day, self._names = "", set[str]()

    def fresh(self, posts: Iterable[Feedback], now: float) -> set[str]:
        """Return the authors of the posts that were not bought today."""
        seen = self._names if self._day == day_of(now) else set()
        return {post.author for post in posts if post.author is not None} - seen

    def add(self, names: set[str], now: float) -> None:
        """Remember authors for the rest of the day."""
        if self._day != day_of(now):
            self._day, self._names = day_of(now), set()
        self._names |= names


def key(source: str) -> str:
    """Return the key of a source's tally on the topic `cursors`."""
    return f"{KEY_PREFIX}{source}"


def tallies(cursors: Mapping[str, Cursor]) -> dict[str, Spend]:
    """Return {source id: tally} of the tallies among the cursors."""
    return {
        name.removeprefix(KEY_PREFIX): Spend.of(cursor)
        for name, cursor in cursors.items()
        if name.startswith(KEY_PREFIX)
    }


def allowed(spends: Iterable[Spend], limits: Limits, now: float) -> int:
    """Return how many posts the next page may bring, 10 to 100; raises BudgetSpent.

    All sources share one budget. A page brings at least ten posts, and perhaps as many users, so
    the budget is spent where fewer are left.
    """
    current = [spend.at(now) for spend in spends]
    most = PAGE_MOST
    for limit, spent, name, until in (
        (limits.daily, sum(each.day_posts for each in current), "DAILY_POSTS", "tomorrow"),
        (limits.monthly, sum(each.month_posts for each in current), "MONTHLY_POSTS", "next month"),
        (limits.daily_users, sum(each.day_users for each in current), "DAILY_USERS", "tomorrow"),
        (
            limits.monthly_users,
            sum(each.month_users for each in current),
            "MONTHLY_USERS",
            "next month",
        ),
    ):
        if limit is None:
            continue
        if limit - spent < PAGE_LEAST:
            raise BudgetSpent(
                f"{spent} of the {limit} {name.partition('_')[2].lower()} of FEEDBACK_X_{name} "
                "are bought: "
                f"goes on {until} (UTC) from where it was"
            )
        most = min(most, limit - spent)
    return most


def day_of(now: float) -> str:
    """Return the UTC day as YYYY-MM-DD."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")

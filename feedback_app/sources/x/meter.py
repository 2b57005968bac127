"""How much of X's quota is used: posts, users, and the requests of a quarter of an hour."""

from collections.abc import Sequence

from feedback_app.settings import Settings
from feedback_app.sources.protocol import BudgetSpent, Context, SourceState
from feedback_app.sources.quota import Charge
from feedback_app.sources.records import cursor_record
from feedback_app.sources.x.budget import Limits, Spend, Users, allowed, key, tallies
from feedback_app.sources.x.limits import WINDOW_REQUESTS
from models import Feedback


def limits_of(settings: Settings) -> Limits:
    """Return the budget of the settings."""
    return Limits(
        settings.x_daily_posts,
        settings.x_monthly_posts,
        settings.x_daily_users,
        settings.x_monthly_users,
    )


class XMeter:
    """What was bought from X: by this process, and by others as the topic `cursors` says."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._limits = limits_of(context.settings)
        self._spends: dict[str, Spend] = {}
        self._users = Users()

    def blocked(self) -> SourceState | None:
        """Return why X is not asked now: the budget is spent, or the searches are used up."""
        now = self._context.clock.time()
        spends = self._all().values()
        try:
            allowed(spends, self._limits, now)
        except BudgetSpent as spent:
            return SourceState("budget_spent", str(spent))
        if sum(spend.at(now).requests for spend in spends) >= WINDOW_REQUESTS:
            detail = "the searches of this quarter of an hour are used up"
            return SourceState("rate_limited", detail)
        return None

    def page_limit(self) -> int:
        """Return how many posts the next page may bring, 10 to 100; raises BudgetSpent."""
        return allowed(self._all().values(), self._limits, self._context.clock.time())

    def charge(self, source_id: str, posts: Sequence[Feedback]) -> Charge:
        """Return the tally to write with a page of these posts."""
        now = self._context.clock.time()
        users = self._users.fresh(posts, now)
        spend = self._tally(source_id).plus(len(posts), 1, now, len(users))

        def commit() -> None:
            self._spends[source_id] = spend
            self._users.add(users, now)

        record = cursor_record(self._context.topics, spend.cursor(source_id, now))
        return Charge([record], commit)

    def charged_at(self, source_id: str) -> str | None:
        """Return when a page was last bought for a source, RFC 3339."""
        cursor = self._context.shared.cursors.get(key(source_id))
        return None if cursor is None else cursor.at

    def _all(self) -> dict[str, Spend]:
        own = {name: self._tally(name) for name in self._spends}
        return tallies(self._context.shared.cursors) | own

    def _tally(self, source_id: str) -> Spend:
        """Return the larger of the shared tally and this process's own, which may be ahead."""
        shared = Spend.of(self._context.shared.cursors.get(key(source_id)))
        return max(self._spends.get(source_id, Spend()), shared, key=Spend.rank)

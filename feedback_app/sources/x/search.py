"""The polled source of `x-search` and `x-stream`: recent search, paged until nothing is left."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from feedback_app.sources.dependencies import SourceDependencies
from feedback_app.sources.protocol import BudgetSpent, Send, SendToDlq, SourceFault
from feedback_app.sources.records import dead_letter
from feedback_app.sources.x.client import DEPENDENCY, XClient
from feedback_app.sources.x.options import XOptions
from feedback_app.sources.x.posts import Malformed, Page, read_page
from feedback_app.sources.x.window import (
    Window,
    advanced,
    positions,
    stopped,
    window,
    within_reach,
)
from models import Cursor, DeadLetter

STAGE = "polls"
MALFORMED_REMEMBERED_S = 3600.0
"""How long a malformed item is recognised by its digest: what it lacks may be its id."""


class SearchClient(Protocol):
    """What a search needs of the X client."""

    async def search(
        self, query: str, *, since: int, until: int | None, next_token: str | None, most: int
    ) -> object:
        """Return the decoded answer; raises TransientError."""


@dataclass(slots=True)
class PageCursor:
    """Progress within unfinished pages. It survives a failure, so that a long gap is not paged from
    its top again."""

    window: Window
    token: str | None = None
    above: int | None = None
    """The `until` of the request that the token came from: X wants the same one with each token."""


class Recent:
    """What was sent within the overlap of polls, so that it is not sent again."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._malformed: dict[str, float] = {}

    def add(self, page: Page, now: float) -> None:
        """Remember a page that the broker has."""
        self._ids.update(page.ids)
        self._malformed.update((item.digest, now) for item in page.malformed)

    def fresh(self, page: Page) -> Page:
        """Return the page without what is remembered."""
        fresh = [
            (number, post)
            for number, post in zip(page.ids, page.posts, strict=True)
            if number not in self._ids
        ]
        return replace(
            page,
            posts=tuple(post for _, post in fresh),
            ids=tuple(number for number, _ in fresh),
            malformed=tuple(item for item in page.malformed if item.digest not in self._malformed),
        )

    def forget(self, since: int, now: float) -> None:
        """Drop what no later poll can bring again: ids up to `since`, and old malformed items."""
        self._ids = {number for number in self._ids if number > since}
        self._malformed = {
            item: at for item, at in self._malformed.items() if at > now - MALFORMED_REMEMBERED_S
        }


class XSearch:
    """Polls one query."""

    def __init__(
        self, options: XOptions, client: SearchClient, page_limit: Callable[[], int]
    ) -> None:
        self._options, self._client, self._page_limit = options, client, page_limit
        self._recent = Recent()
        self._page_cursor: PageCursor | None = None

    async def poll(
        self, cursor: Cursor | None, send: Send, send_to_dlq: SendToDlq, now: float
    ) -> Cursor:
        """Send what came since the cursor; see `PolledSource`."""
        source, start = self._options.id, self._options.start
        page_cursor = self._page_cursor
        if page_cursor is None or (
            cursor is not None and positions(cursor)[0] > page_cursor.window.position
        ):
            page_cursor = self._page_cursor = PageCursor(window(cursor, start, now))
        page_cursor.window = within_reach(page_cursor.window, now)
        try:
            more = True
            while more:
                more = await self._page(page_cursor, self._page_limit(), send, send_to_dlq, now)
        except BudgetSpent as spent:
            raise BudgetSpent(str(spent), stopped(source, page_cursor.window, now)) from None
        self._page_cursor = None
        reached = advanced(source, page_cursor.window, now)
        self._recent.forget(window(reached, start, now).since, now)
        return reached

    async def close(self) -> None:
        """Do nothing: the client is shared, and the poller closes it."""

    async def _page(
        self, page_cursor: PageCursor, most: int, send: Send, send_to_dlq: SendToDlq, now: float
    ) -> bool:
        """Read one page and return whether there are more."""
        covered = page_cursor.window
        token, page_cursor.token = page_cursor.token, None
        if token is None:
            page_cursor.above = covered.until
            if covered.until is not None and covered.until <= covered.since + 1:
                return False
        body = await self._client.search(
            self._options.query,
            since=covered.since,
            until=page_cursor.above,
            next_token=token,
            most=most,
        )
        try:
            page = read_page(body, self._options.id, now)
        except ValueError as error:
            raise SourceFault(DEPENDENCY, f"X answers strangely: {error}") from None
        fresh = self._recent.fresh(page)
        await send(fresh.posts)
        await send_to_dlq([self._dead(item, now) for item in fresh.malformed])
        self._recent.add(fresh, now)
        # From the first page only: a later page can show a newer post without those before it.
        newest = covered.newest or page.newest or covered.position
        until = min(filter(None, (covered.until, page.oldest)), default=None)
        page_cursor.window = replace(covered, newest=newest, until=until)
        # Last: where a page is lost on the way its token is not used, and its ids are asked again.
        page_cursor.token = page.next_token
        return page.next_token is not None

    def _dead(self, item: Malformed, now: float) -> DeadLetter:
        return dead_letter(self._options.id, STAGE, item.value, item.reason, now)


def build(options: XOptions, dependencies: SourceDependencies) -> XSearch:
    """Return the source; raises ConfigurationError where the token is missing."""

    def connect() -> XClient:
        return XClient.of(dependencies.settings, dependencies.clock)

    client = dependencies.resources.get(XClient, connect)
    return XSearch(options, client, dependencies.page_limit)

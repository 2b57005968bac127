"""The source `x-search`: recent search, paged back until nothing is left out."""

from dataclasses import dataclass, replace
from typing import Protocol

from feedback_app.settings import Source
from feedback_app.sources.base import BudgetSpent, Gate, Send, SendToDlq, SourceFault
from feedback_app.sources.deliver import dead_letter
from feedback_app.sources.kit import Kit
from feedback_app.sources.x.client import DEPENDENCY
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
ODD_KEPT_S = 3600.0
"""How long an item of unknown shape is recognised; its id may be what it lacks."""


class SearchClient(Protocol):
    """What a search needs of the X client."""

    async def search(
        self, query: str, *, since: int, until: int | None, next_token: str | None, most: int
    ) -> object:
        """Return the decoded answer; raises OutsideFault."""


@dataclass(slots=True)
class PageCursor:
    """Pages under way: kept over a failure, so that a long gap is not paged from its top again."""

    window: Window
    token: str | None = None
    above: int | None = None
    """The `until` that the token's first request had: X wants the same one with each token."""


class Recent:
    """What was sent and is still inside the overlap, so that it is not sent a second time."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._malformed: dict[str, float] = {}

    def add(self, page: Page, now: float) -> None:
        """Remember a page that the broker has."""
        self._ids.update(page.ids)
        self._malformed.update((item.digest, now) for item in page.malformed)

    def fresh(self, page: Page) -> Page:
        """Return the page without what is remembered."""
        kept = [
            (number, post)
            for number, post in zip(page.ids, page.posts, strict=True)
            if number not in self._ids
        ]
        return replace(
            page,
            posts=tuple(post for _, post in kept),
            ids=tuple(number for number, _ in kept),
            malformed=tuple(item for item in page.malformed if item.digest not in self._malformed),
        )

    def forget(self, since: int, now: float) -> None:
        """Drop what no later poll can bring again: posts up to `since`, and old oddities."""
        self._ids = {number for number in self._ids if number > since}
        self._malformed = {
            item: at for item, at in self._malformed.items() if at > now - ODD_KEPT_S
        }


class XSearch:
    """Polls one query."""

    def __init__(self, source: Source, client: SearchClient, gate: Gate) -> None:
        self._source, self._client, self._gate = source, client, gate
        self._recent = Recent()
        self._page_cursor: PageCursor | None = None

    async def poll(
        self, cursor: Cursor | None, send: Send, send_to_dlq: SendToDlq, now: float
    ) -> Cursor:
        """Send what came since the cursor; see `PolledSource`."""
        page_cursor = self._page_cursor
        if page_cursor is None or (
            cursor is not None and positions(cursor)[0] > page_cursor.window.position
        ):
            page_cursor = self._page_cursor = PageCursor(window(cursor, self._source.start, now))
        page_cursor.window = within_reach(page_cursor.window, now)
        try:
            more = True
            while more:
                more = await self._page(page_cursor, self._gate(), send, send_to_dlq, now)
        except BudgetSpent as spent:
            raise BudgetSpent(
                str(spent), stopped(self._source.id, page_cursor.window, now)
            ) from None
        self._page_cursor = None
        reached = advanced(self._source.id, page_cursor.window, now)
        self._recent.forget(window(reached, self._source.start, now).since, now)
        return reached

    async def close(self) -> None:
        """Do nothing: the client is shared, and closed by who made it."""

    async def _page(
        self, page_cursor: PageCursor, most: int, send: Send, send_to_dlq: SendToDlq, now: float
    ) -> bool:
        """Read one page and say whether there are more."""
        held = page_cursor.window
        token, page_cursor.token = page_cursor.token, None
        if token is None:
            page_cursor.above = held.until
            if held.until is not None and held.until <= held.since + 1:
                return False
        body = await self._client.search(
            self._source.query or "",
            since=held.since,
            until=page_cursor.above,
            next_token=token,
            most=most,
        )
        try:
            page = read_page(body, self._source.id, now)
        except ValueError as error:
            raise SourceFault(DEPENDENCY, f"X answers strangely: {error}") from None
        fresh = self._recent.fresh(page)
        await send(fresh.posts)
        await send_to_dlq([self._dead(item, now) for item in fresh.malformed])
        self._recent.add(fresh, now)
        # Of the first page only: a later one can show a newer post, and not those before it.
        newest = held.newest or page.newest or held.position
        until = min(filter(None, (held.until, page.oldest)), default=None)
        page_cursor.window = replace(held, newest=newest, until=until)
        # Only now: a token whose page was lost on the way is not used, its ids are asked for again.
        page_cursor.token = page.next_token
        return page.next_token is not None

    def _dead(self, item: Malformed, now: float) -> DeadLetter:
        return dead_letter(self._source.id, STAGE, item.value, item.reason, now)


def build(source: Source, kit: Kit) -> XSearch:
    """Return the source; raises ConfigurationError where the token is missing."""
    return XSearch(source, kit.x(), kit.gate)

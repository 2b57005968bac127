"""A source as a package would add it: RSS in one file and one row."""

from dataclasses import dataclass, field
from xml.etree import ElementTree

from pydantic import Field

from feedback_app.settings import SourceOptions
from feedback_app.sources.dependencies import SourceDependencies
from feedback_app.sources.protocol import Send, SendToDlq, SourceFault
from feedback_app.sources.records import dead_letter
from feedback_app.sources.source_type import Gap, SourceType
from models import Cursor, DeadLetter, Feedback, rfc3339

OVERLAP_S = 3600
"""How late an item may appear in the feed."""


@dataclass
class Feed:
    """A feed on the web, as the test has it."""

    items: list[str] = field(default_factory=list)
    up: bool = True

    async def fetch(self) -> list[bytes]:
        """Return the items; raises OSError."""
        if not self.up:
            raise ConnectionRefusedError("no answer")
        return [each.encode() for each in self.items]


FEEDS: dict[str, Feed] = {}
"""The web, by URL."""


class RssOptions(SourceOptions):
    """A source of the type `rss`."""

    url: str
    """The address of the feed."""
    poll_seconds: float = Field(default=60, gt=0)
    """Seconds between two polls."""


class Rss:
    """Polls one feed."""

    def __init__(self, options: RssOptions) -> None:
        self._options = options
        self._seen: set[bytes] = set()

    async def poll(
        self, cursor: Cursor | None, send: Send, send_to_dlq: SendToDlq, now: float
    ) -> Cursor:
        """Send the items of the feed that are new; see `PolledSource`."""
        try:
            items = await FEEDS[self._options.url].fetch()
        except OSError as error:
            raise SourceFault("rss", f"the feed cannot be read: {error}") from None
        name, since = self._options.id, 0 if cursor is None else int(cursor.position)
        times, new, malformed = [since], list[Feedback](), list[DeadLetter]()
        for item in items:
            try:
                published, feedback = self._read(item, now)
            except (ElementTree.ParseError, ValueError) as error:
                if item not in self._seen:
                    malformed.append(dead_letter(name, "polls", item, str(error), now))
                continue
            times.append(published)
            if item not in self._seen and published >= since - OVERLAP_S:
                new.append(feedback)
        await send(new)
        await send_to_dlq(malformed)
        self._seen = set(items)  # only now: the broker has them
        reached = Cursor(source=name, position=str(max(times)), at=rfc3339(now))
        if cursor is not None:
            reached.gap_from, reached.gap_to = cursor.gap_from, cursor.gap_to
        if since and (oldest := min(times[1:], default=since)) > since:
            # A feed shows its last items only: between the cursor and the oldest of them is a gap.
            reached.gap_from, reached.gap_to = rfc3339(since), rfc3339(oldest)
        return reached

    async def close(self) -> None:
        """Nothing is open."""

    def _read(self, item: bytes, now: float) -> tuple[int, Feedback]:
        """Return the time of an item in Unix seconds and its feedback; raises ValueError."""
        root = ElementTree.fromstring(item)
        published = int(root.findtext("published", ""))
        return published, Feedback(
            id=f"rss:{root.findtext('guid')}",
            text=root.findtext("title", ""),
            source=self._options.id,
            author=root.findtext("author"),
            created_at=rfc3339(published),
            received_at=rfc3339(now),
        )


def make(options: RssOptions, dependencies: SourceDependencies) -> Rss:
    """Return the source."""
    return Rss(options)


RSS = SourceType(
    options=RssOptions,
    polled=make,
    interval=lambda options, settings: options.poll_seconds,
    gap=Gap("the feed has dropped what came {gap_from} to {gap_to}"),
)

"""Which posts of X are kept here: read back from `scored`, newest revision by feedback id."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from feedback_app.hop.types import Row
from feedback_app.kafka.topics import Topic
from models import Feedback, InvalidRecord, ScoredFeedback, rfc3339

PREFIX = "x:"


@dataclass(frozen=True, slots=True)
class IndexedPost:
    """The newest known revision of a post."""

    revision: int
    source: str
    deleted: bool


class Back(Protocol):
    """What reads a topic to its present end."""

    async def read_to_high_watermark(
        self, topic: str, start: dict[int, int], hours: float | None, take: Callable[[Row], None]
    ) -> dict[int, int]:
        """Hand every record from {partition: offset} on to `take`; raises OutsideFault."""


class PostIndex:
    """The posts in `scored`; each reading goes on where the last one ended."""

    def __init__(self, back: Back, topic: Topic) -> None:
        self._back, self._topic = back, topic
        self._next = dict.fromkeys(range(topic.partitions), 0)
        self._posts: dict[str, tuple[float, IndexedPost]] = {}

    async def read(self, now: float) -> dict[str, IndexedPost]:
        """Return {feedback id: newest revision} of what still stands; raises OutsideFault."""
        self._next = await self._back.read_to_high_watermark(
            self._topic.name, self._next, None, self._take
        )
        kept_s = (self._topic.retention_ms or 0) / 1000
        self._posts = {
            name: found for name, found in self._posts.items() if found[0] >= now - kept_s
        }
        return {name: kept for name, (_, kept) in self._posts.items() if not kept.deleted}

    def _take(self, row: Row) -> None:
        if row.key is None or not row.key.startswith(PREFIX.encode()):
            return
        try:
            found = ScoredFeedback.decode(row.value, row.key).feedback
        except InvalidRecord:
            return
        _, held = self._posts.get(found.id, (0.0, None))
        if held is None or (found.revision > held.revision and not held.deleted):
            kept = IndexedPost(found.revision, found.source, found.kind == "delete")
            self._posts[found.id] = (row.timestamp, kept)


def deletion(name: str, kept: IndexedPost, now: float) -> Feedback:
    """Return the feedback that takes a post back: above its newest revision, without text."""
    return Feedback(
        id=name,
        text="",
        source=kept.source,
        revision=kept.revision + 1,
        kind="delete",
        received_at=rfc3339(now),
    )

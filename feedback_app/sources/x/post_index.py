"""Which posts of X are held here: restored from `scored`, the newest revision by feedback id."""

from dataclasses import dataclass

from feedback_app.hop.types import Row
from feedback_app.kafka.topics import Topic
from feedback_app.sources.dependencies import HighWatermarkReader
from models import Feedback, InvalidRecord, ScoredFeedback, rfc3339

PREFIX = "x:"


@dataclass(frozen=True, slots=True)
class IndexedPost:
    """The newest known revision of a post."""

    revision: int
    source: str
    deleted: bool


class PostIndex:
    """The posts in `scored`; each read continues where the last one ended."""

    def __init__(self, reader: HighWatermarkReader, topic: Topic) -> None:
        self._reader, self._topic = reader, topic
        self._next = dict.fromkeys(range(topic.partitions), 0)
        self._posts: dict[str, tuple[float, IndexedPost]] = {}

    async def read(self, now: float) -> dict[str, IndexedPost]:
        """Return {feedback id: newest revision} of posts not deleted; raises TransientError."""
        self._next = await self._reader.read_to_high_watermark(
            self._topic.name, self._next, None, self._add
        )
        retention_s = (self._topic.retention_ms or 0) / 1000
        self._posts = {
            name: found for name, found in self._posts.items() if found[0] >= now - retention_s
        }
        return {name: post for name, (_, post) in self._posts.items() if not post.deleted}

    def _add(self, row: Row) -> None:
        if row.key is None or not row.key.startswith(PREFIX.encode()):
            return
        try:
            found = ScoredFeedback.decode(row.value, row.key).feedback
        except InvalidRecord:
            return
        _, known = self._posts.get(found.id, (0.0, None))
        if known is None or (found.revision > known.revision and not known.deleted):
            post = IndexedPost(found.revision, found.source, found.kind == "delete")
            self._posts[found.id] = (row.timestamp, post)


def deletion(name: str, post: IndexedPost, now: float) -> Feedback:
    """Return the feedback that deletes a post: above its newest revision, without text."""
    return Feedback(
        id=name,
        text="",
        source=post.source,
        revision=post.revision + 1,
        kind="delete",
        received_at=rfc3339(now),
    )

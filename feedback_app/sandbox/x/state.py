"""The posts and users of the stand-in X, with their edits, deletions and index delays."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from feedback_app.sandbox.log import Log, Put

SNOWFLAKE_EPOCH_MS = 1288834974657
PRODUCT = "lumenkettle"
"""The product account that the sandbox's users write to."""
PRODUCT_QUERY = f"to:{PRODUCT}"
"""A query that matches every post of the sandbox not addressed to another account."""


@dataclass(frozen=True)
class User:
    """A person or company on X."""

    id: str
    username: str
    name: str


@dataclass
class Post:
    """One version of a post."""

    id: int
    """A snowflake of `created_at`."""
    text: str
    author: User
    created_at: float
    """Seconds since the Unix epoch."""
    indexed_at: float
    """When it becomes searchable, in seconds since the Unix epoch."""
    lang: str
    to: User | None
    """The account it replies to."""
    history: list[int]
    """The ids of all versions, oldest first; the versions of a post share this list."""
    deleted: bool = field(default=False)


def snowflake(seconds: float) -> int:
    """Return the smallest id of a post created at that time (seconds since the Unix epoch)."""
    return max(0, round(seconds * 1000) - SNOWFLAKE_EPOCH_MS) << 22


class XState:
    """The data of X. The user actions `post`, `edit` and `delete` are not rate limited."""

    def __init__(
        self, now: Callable[[], float], random: Random, log: Log, index_delay: tuple[float, float]
    ) -> None:
        """`index_delay` is the range, in seconds, after which search returns a post."""
        self.index_delay = index_delay
        self.listeners: list[Callable[[Post], None]] = []
        """Called with every new version."""
        self._now = now
        self._random = random
        self._log = log
        self._users: dict[str, User] = {}
        self._posts: dict[int, Post] = {}
        self._ids: list[int] = []
        self._last_id = 0
        self.user(PRODUCT, "Lumen Kettle")

    def user(self, username: str, name: str | None = None) -> User:
        """Return the user of that name, created if missing."""
        key = username.lower()
        if key not in self._users:
            identity = str(7_000_000_000 + len(self._users))
            self._users[key] = User(identity, username, name or username)
        return self._users[key]

    def post(
        self,
        text: str,
        author: str = "someone",
        *,
        lang: str = "und",
        to: str | None = PRODUCT,
        created_at: float | None = None,
    ) -> str:
        """Create a post and return its id; `created_at` backdates it (seconds since the epoch)."""
        return str(self._add(text, self.user(author), lang, to, created_at, history=[]).id)

    def edit(self, id: str, text: str) -> str:
        """Edit a post and return the id of its new version; raises KeyError if it is unknown."""
        old = self._posts[int(id)]
        last = self._posts[old.history[-1]]
        to = last.to.username if last.to else None
        return str(self._add(text, last.author, last.lang, to, None, last.history).id)

    def delete(self, id: str) -> None:
        """Delete a post with all its versions; raises KeyError if it is unknown."""
        history = self._posts[int(id)].history
        for version in history:
            self._posts[version].deleted = True
        last = self._posts[history[-1]]
        self._record("delete", last)

    def get(self, id: int) -> Post | None:
        """Return a version, or None if it is unknown or deleted."""
        post = self._posts.get(id)
        return None if post is None or post.deleted else post

    def find_version(self, id: int) -> Post | None:
        """Return a version, even of a deleted post, or None if it is unknown."""
        return self._posts.get(id)

    def searchable(self, since_id: int, until_id: int) -> Iterator[Post]:
        """Yield the searchable posts between the two ids (exclusive), newest first.

        Of an edited post, only the latest indexed version is included.
        """
        now = self._now()
        first, end = bisect_right(self._ids, since_id), bisect_left(self._ids, until_id)
        for at in range(end - 1, first - 1, -1):
            post = self._posts[self._ids[at]]
            if not post.deleted and post.indexed_at <= now and not self._superseded(post, now):
                yield post

    def timeline(self) -> Iterator[Post]:
        """Yield the latest version of every post that is not deleted, newest first."""
        for id in reversed(self._ids):
            post = self._posts[id]
            if not post.deleted and post.history[-1] == id:
                yield post

    def _superseded(self, post: Post, now: float) -> bool:
        later = post.history[post.history.index(post.id) + 1 :]
        return any(self._posts[id].indexed_at <= now for id in later)

    def _add(
        self,
        text: str,
        author: User,
        lang: str,
        to: str | None,
        created_at: float | None,
        history: list[int],
    ) -> Post:
        at = self._now() if created_at is None else created_at
        id = snowflake(at)
        if created_at is None:
            # Posts can share a millisecond; their ids are still unique and increasing.
            id = self._last_id = max(id, self._last_id + 1)
        while id in self._posts:
            id += 1
        history.append(id)
        indexed = at + self._random.uniform(*self.index_delay)
        post = Post(id, text, author, at, indexed, lang, self.user(to) if to else None, history)
        self._posts[id] = post
        insort(self._ids, id)
        self._record("create" if len(history) == 1 else "edit", post)
        for listener in self.listeners:
            listener(post)
        return post

    def _record(self, kind: str, post: Post) -> None:
        self._log.write(
            Put.model_validate(
                {
                    "platform": "x",
                    "kind": kind,
                    "id": str(post.history[0]),
                    "revision": str(post.id),
                    "author": post.author.username,
                    "text": post.text,
                }
            )
        )

"""Parses X's answers into feedback: a page of search, or one line of the stream. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

from feedback_app.hop.errors import BadRecord
from feedback_app.sources.records import clean, dumped
from feedback_app.sources.x.snowflake import seconds
from models import Feedback, rfc3339
from models.feedback import cut_text, sane_time

POST_FIELDS = ["created_at", "lang", "author_id", "edit_history_tweet_ids", "note_tweet"]
EXPANSIONS = ["author_id"]
USER_FIELDS = ["username", "name"]


@dataclass(frozen=True, slots=True)
class Malformed:
    """An item of unknown shape: its bytes, and what is wrong with it."""

    value: bytes
    reason: str

    @property
    def digest(self) -> str:
        """Recognises the same item when it is read again."""
        return hashlib.sha256(self.value).hexdigest()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of recent search. `ids` are those of `posts`, in the order of the page."""

    posts: tuple[Feedback, ...]
    ids: tuple[int, ...]
    malformed: tuple[Malformed, ...]
    newest: int | None
    oldest: int | None
    next_token: str | None
    count: int


def read_page(body: object, source: str, now: float) -> Page:
    """Return the page in a decoded answer; raises ValueError where the answer is not a page."""
    if not isinstance(body, dict):
        raise ValueError(f"the answer is not an object but {type(body).__name__}")
    data, meta = body.get("data", []), body.get("meta")
    if not isinstance(data, list) or not isinstance(meta, dict):
        raise ValueError("the answer has no list `data` with an object `meta`")
    names = usernames(body.get("includes"))
    posts: dict[int, Feedback] = {}
    malformed = []
    for item in data:
        try:
            number, post = read_post(item, source, names, now)
        except BadRecord as error:
            malformed.append(Malformed(dumped(item), str(error)))
        else:
            posts[number] = post
    token = meta.get("next_token")
    return Page(
        posts=tuple(posts.values()),
        ids=tuple(posts),
        malformed=tuple(malformed),
        newest=max(posts, default=None),
        oldest=min(posts, default=None),
        next_token=token if isinstance(token, str) and token else None,
        count=len(data),
    )


def read_post(
    item: object, source: str, names: Mapping[str, str], now: float
) -> tuple[int, Feedback]:
    """Return a post's own id and its feedback; raises BadRecord for an unknown shape."""
    if not isinstance(item, dict):
        raise BadRecord(f"an X post is not an object but {type(item).__name__}")
    number = _snowflake(item.get("id"))
    if number is None:
        raise BadRecord(f"an X post without an id: {_short(item.get('id'))}")
    text = _text(item)
    history = _history(item.get("edit_history_tweet_ids"), number)
    revision = history.index(number)
    author = names.get(str(item.get("author_id")))
    text, cut = cut_text(unescape(text))
    return number, Feedback(
        id=f"x:{history[0]}",
        text=text,
        source=source,
        revision=revision,
        kind="edit" if revision else "create",
        lang=clean(item.get("lang")),
        author=author,
        url=f"https://x.com/{author or 'i'}/status/{number}",
        created_at=_created(item.get("created_at"), number, now),
        received_at=rfc3339(now),
        truncated=cut,
    )


def usernames(includes: object) -> dict[str, str]:
    """Return {user id: user name} of an answer's `includes`, whatever its shape."""
    users = includes.get("users") if isinstance(includes, dict) else None
    return {
        str(user.get("id")): name
        for user in (users if isinstance(users, list) else ())
        if isinstance(user, dict) and (name := clean(user.get("username")))
    }


def _text(item: dict[str, Any]) -> str:
    note = item.get("note_tweet")
    whole = note.get("text") if isinstance(note, dict) else None
    text = whole if isinstance(whole, str) else item.get("text")
    if not isinstance(text, str):
        raise BadRecord(f"the text of an X post is not a string: {_short(text)}")
    return text


def _history(value: object, number: int) -> list[int]:
    """Return the ids of all versions up to this one, oldest first."""
    found = {_snowflake(item) for item in (value if isinstance(value, list) else ())}
    return sorted({item for item in found if item is not None and item < number} | {number})


def _snowflake(value: object) -> int | None:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit():
        return None
    return number if len(value) < 20 and 0 < (number := int(value)) < 1 << 63 else None


def _created(value: object, number: int, now: float) -> str | None:
    stated = sane_time(value, now) if isinstance(value, str) else None
    return stated or sane_time(rfc3339(seconds(number)), now)


def _short(value: object) -> str:
    return ascii(value)[:80]

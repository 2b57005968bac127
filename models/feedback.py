"""Feedback: one revision of one message from a source, on the topic `raw`."""

import hashlib
from typing import Any, Literal, Self

from models.wire import InvalidRecord, Wire, check_version, from_rfc3339, load_object

Kind = Literal["create", "edit", "delete"]
KINDS = ("create", "edit", "delete")

MAX_TEXT_BYTES = 64_000
MAX_ID = 512
MAX_SOURCE = 128
MAX_FIELD = 2048
"""Characters of an id, of a source's name, and of what else a source says of a message."""
MAX_REVISION = 2**62
"""A deletion that is made up here takes one more, and JSON ends at 64 bits."""
FUTURE_TOLERANCE_S = 300.0


class Feedback(Wire):
    """A message as its source had it.

    Only `text` is required of other producers: the id is then the Kafka key under the source
    `webhook`, or a digest of the text where there is no key either.
    """

    VERSION = 1

    id: str
    text: str
    source: str = "webhook"
    revision: int = 0
    kind: str = "create"
    lang: str | None = None
    author: str | None = None
    url: str | None = None
    created_at: str | None = None
    received_at: str | None = None
    truncated: bool = False
    version: int = 1

    @classmethod
    def decode(cls, value: bytes | None, key: bytes | None = None) -> Self:
        """Return the feedback in `value`, defaults filled in; raises InvalidRecord."""
        return cls.read(load_object(value), key)

    @classmethod
    def read(cls, data: dict[str, Any], key: bytes | None = None) -> Self:
        """Return the feedback of a JSON object; raises InvalidRecord."""
        check_version(data, cls.VERSION)
        get = data.get
        text, kind, source = get("text"), get("kind", "create"), get("source", "webhook")
        if kind not in KINDS:
            raise InvalidRecord(f"unknown kind {kind!r}: one of {', '.join(KINDS)}")
        if kind == "delete":
            text = ""
        elif not isinstance(text, str):
            raise InvalidRecord("no text" if text is None else "text is not a string")
        if not isinstance(source, str) or not source:
            raise InvalidRecord("source is not a name")
        if len(source) > MAX_SOURCE:
            raise InvalidRecord(f"source is over {MAX_SOURCE} characters")
        revision = get("revision", 0)
        if not isinstance(revision, int) or isinstance(revision, bool):
            raise InvalidRecord(f"revision is not an integer: {revision!r}")
        if not -MAX_REVISION <= revision <= MAX_REVISION:
            raise InvalidRecord(f"revision is over {MAX_REVISION}: {revision}")
        text, cut = cut_text(text)
        identity = get("id")
        if identity is None:
            identity = default_id(source, text, key)
        elif not isinstance(identity, str) or not identity:
            raise InvalidRecord("id is not a string")
        elif len(identity) > MAX_ID:
            raise InvalidRecord(f"id is over {MAX_ID} characters")
        lang, author, url = get("lang"), get("author"), get("url")
        created_at, received_at = get("created_at"), get("received_at")
        for value in (lang, author, url, created_at, received_at):
            if value is None:
                continue
            if not isinstance(value, str):
                raise InvalidRecord(f"{_named(data, value)} is not a string")
            if len(value) > MAX_FIELD:
                raise InvalidRecord(f"{_named(data, value)} is over {MAX_FIELD} characters")
        return cls.build(
            {
                "id": identity,
                "text": text,
                "source": source,
                "revision": revision,
                "kind": kind,
                "lang": lang,
                "author": author,
                "url": url,
                "created_at": created_at,
                "received_at": received_at,
                "truncated": cut or get("truncated", False) is True,
                "version": cls.VERSION,
            }
        )


def _named(data: dict[str, Any], value: object) -> str:
    return next(name for name, found in data.items() if found is value)


def cut_text(text: str) -> tuple[str, bool]:
    """Return text of at most 64,000 bytes of UTF-8, and whether something was cut.

    Lone surrogates, which JSON can spell and UTF-8 cannot, become question marks.
    """
    if len(text) * 4 <= MAX_TEXT_BYTES and text.isascii():
        return text, False
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_TEXT_BYTES:
        return data.decode(), False
    return data[:MAX_TEXT_BYTES].decode("utf-8", "ignore"), True


def default_id(source: str, text: str, key: bytes | None) -> str:
    """Return the id of a record that came without one."""
    if key:
        name = key.decode("utf-8", "replace")
        if len(name) > MAX_ID // 2:
            name = hashlib.sha256(key).hexdigest()[:32]
        return f"webhook:{source}:{name}"
    return f"file:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def sane_time(text: str | None, now: float) -> str | None:
    """Return a source's time, or None where it cannot be read or lies in the future."""
    if text is None:
        return None
    try:
        return text if from_rfc3339(text) <= now + FUTURE_TOLERANCE_S else None
    except ValueError:
        return None

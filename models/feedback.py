"""Feedback: one revision of one message from a source, on the topic `raw`."""

import hashlib
from types import NoneType
from typing import Any, ClassVar, Literal, Self

from models.wire import (
    FieldTypes,
    InvalidRecord,
    Wire,
    check_version,
    from_rfc3339,
)

Kind = Literal["create", "edit", "delete"]
KINDS = ("create", "edit", "delete")

MAX_TEXT_BYTES = 64_000
MAX_ID = 512
MAX_SOURCE = 128
MAX_FIELD = 2048
"""Limits in characters: of an id, a source's name, any other text field."""
MAX_REVISION = 2**62
"""Leaves room within 64 bits: a deletion that this program writes takes the next revision."""
OWN_RULES = frozenset({"id", "text", "source", "revision", "kind", "truncated", "version"})
"""Fields with rules of their own in `Feedback.read`; the rest are checked by declared type."""
FUTURE_TOLERANCE_S = 300.0


class Feedback(Wire):
    """A message as its source has it.

    Other producers need to set only `text`: the id is then made from the Kafka key under the
    source `webhook`, or is a digest of the text where there is no key. A new field is one line
    here, with a default.
    """

    VERSION = 1
    _texts: ClassVar[tuple[str, ...]]
    _others: ClassVar[FieldTypes]

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
    def _index_fields(cls) -> None:
        """Separate the fields without rules of their own into optional texts and others."""
        super()._index_fields()
        rest = [(name, allowed) for name, allowed in cls._types if name not in OWN_RULES]
        texts = [name for name, allowed in rest if set(allowed) == {str, NoneType}]
        cls._texts = tuple(texts)
        cls._others = tuple((name, allowed) for name, allowed in rest if name not in texts)

    @classmethod
    def read(cls, data: dict[str, Any], key: bytes | None = None) -> Self:
        """Return the feedback of a JSON object; raises InvalidRecord."""
        version = cls.VERSION
        check_version(data, version)
        fields = cls.with_defaults(data)
        text, kind, source = fields["text"], fields["kind"], fields["source"]
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
        revision = fields["revision"]
        if type(revision) is not int:  # nor a bool
            raise InvalidRecord(f"revision is not an integer: {revision!r}")
        if not -MAX_REVISION <= revision <= MAX_REVISION:
            raise InvalidRecord(f"revision is over {MAX_REVISION}: {revision}")
        text, cut = cut_text(text)
        identity = fields["id"]
        if identity is None:
            identity = default_id(source, text, key)
        elif not isinstance(identity, str) or not identity:
            raise InvalidRecord("id is not a string")
        elif len(identity) > MAX_ID:
            raise InvalidRecord(f"id is over {MAX_ID} characters")
        for name in cls._texts:
            value = fields[name]
            if value is None:
                continue
            if not isinstance(value, str):
                raise InvalidRecord(f"{name} is not a string")
            if len(value) > MAX_FIELD:
                raise InvalidRecord(f"{name} is over {MAX_FIELD} characters")
        for name, allowed in cls._others:
            if not isinstance(fields[name], allowed):
                raise InvalidRecord(f"{name} is not of its type: {fields[name]!r:.80}")
        fields["id"], fields["text"] = identity, text
        fields["truncated"] = cut or fields["truncated"] is True
        fields["version"] = version
        return cls.build(fields)


def cut_text(text: str) -> tuple[str, bool]:
    """Return the text truncated to 64,000 bytes of UTF-8, and whether it was truncated.

    Lone surrogates, which JSON allows and UTF-8 does not, become question marks.
    """
    if len(text) * 4 <= MAX_TEXT_BYTES and text.isascii():
        return text, False
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_TEXT_BYTES:
        return data.decode(), False
    return data[:MAX_TEXT_BYTES].decode("utf-8", "ignore"), True


def default_id(source: str, text: str, key: bytes | None) -> str:
    """Return the id for a record without one."""
    if key:
        name = key.decode("utf-8", "replace")
        if len(name) > MAX_ID // 2:
            name = hashlib.sha256(key).hexdigest()[:32]
        return f"webhook:{source}:{name}"
    return f"file:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def sane_time(text: str | None, now: float) -> str | None:
    """Return a source's time, or None if it cannot be parsed or lies in the future."""
    if text is None:
        return None
    try:
        return text if from_rfc3339(text) <= now + FUTURE_TOLERANCE_S else None
    except ValueError:
        return None

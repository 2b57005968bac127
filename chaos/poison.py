"""Bad input: poison records for `raw`, and the malformed payloads of the sandbox."""

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

KEY = b"poison-"
"""Prefix of the key of a poison record."""
MALFORMED_TEXTS = ("odd payload", 17, {"unexpected": True})
"""The texts of the sandbox's malformed payloads; one shape has none."""


class Poison(NamedTuple):
    """A value that must become a dead letter, and a part of its reason."""

    value: bytes | None
    reason: str


POISON = {
    "not-json": Poison(b"{no", "not JSON"),
    "not-utf-8": Poison(b'{"text": "\xff\xfe"}', "not UTF-8"),
    "no-text": Poison(b'{"lang": "en"}', "no text"),
    "text-a-number": Poison(b'{"text": 7}', "text is not a string"),
    "a-list": Poison(b"[1, 2]", "not a JSON object"),
    "null": Poison(None, "no value"),
    "version": Poison(b'{"text": "new", "version": 99}', "unknown version 99"),
    "kind": Poison(b'{"text": "odd", "kind": "undo"}', "unknown kind"),
    "revision": Poison(b'{"text": "odd", "revision": "one"}', "revision is not an integer"),
    "half-a-pair": Poison(rb'{"text": "\ud83d"}', "not JSON"),
    "deep": Poison(b'{"text": ' + b"[" * 100_000, "not JSON"),
}


def kept_bytes(letter: dict[str, Any], name: str) -> bytes | None:
    """Return the key or value of the failed record from its dead letter."""
    return None if letter[name] is None else base64.b64decode(letter[name])


def is_malformed(letter: dict[str, Any]) -> bool:
    """Whether a dead letter holds a malformed payload of the sandbox."""
    try:
        payload = orjson.loads(kept_bytes(letter, "value") or b"")
    except orjson.JSONDecodeError:
        return False
    return any(
        each.get("text") in MALFORMED_TEXTS
        or ("edit_history_tweet_ids" in each and "text" not in each)
        for each in _objects(payload)
    )


def _objects(payload: object) -> Iterator[dict[str, Any]]:
    """Yield every object inside a JSON value."""
    if isinstance(payload, dict):
        yield payload
        payload = list(payload.values())
    for each in payload if isinstance(payload, list) else ():
        yield from _objects(each)

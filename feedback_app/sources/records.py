"""From a source to the broker: feedback as records of `raw`, payloads as dead letters."""

import json
from collections.abc import Sequence

from feedback_app.hop.types import Output
from feedback_app.kafka.topics import Topics
from models import Cursor, DeadLetter, Feedback, rfc3339


def feedback_records(topics: Topics, posts: Sequence[Feedback]) -> list[Output]:
    """Return the records of `raw`; the key is the feedback id, so revisions share a partition."""
    return [Output(topics.raw.name, post.id.encode(), post.encode()) for post in posts]


def dead_letter_records(topics: Topics, source: str, dead: Sequence[DeadLetter]) -> list[Output]:
    """Return the records of `dead-letters`."""
    name = topics.dead_letters.name
    return [Output(name, source.encode(), letter.encode(), 0) for letter in dead]


def cursor_record(topics: Topics, cursor: Cursor) -> Output:
    """Return the record of `cursors`."""
    return Output(topics.cursors.name, cursor.source.encode(), cursor.encode(), 0)


def dead_letter(source: str, stage: str, value: bytes, reason: str, now: float) -> DeadLetter:
    """Return the dead letter of a payload that never was a Kafka record."""
    return DeadLetter.of(
        topic=source,
        partition=-1,
        offset=-1,
        key=None,
        value=value,
        stage=stage,
        error="BadRecord",
        reason=reason,
        attempts=1,
        failed_at=rfc3339(now),
    )


def clean(value: object) -> str | None:
    """Return a string that UTF-8 can encode, or None for anything but a string."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def dumped(payload: object) -> bytes:
    """Return a decoded payload as bytes, the same ones for the same payload.

    In plain JSON, because a payload may hold lone surrogates, which UTF-8 cannot encode.
    """
    return json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()

"""From a source to the broker: feedback to `raw`, dead letters to `dead-dead_letter_records`."""

import json
from collections.abc import Sequence

from feedback_app.hop.types import Output, Produce
from feedback_app.kafka.topics import Topics
from models import DeadLetter, Feedback, rfc3339


def records(topics: Topics, posts: Sequence[Feedback]) -> list[Output]:
    """Return the records of `raw`; the key is the feedback id, so revisions share a partition."""
    return [Output(topics.raw.name, post.id.encode(), post.encode()) for post in posts]


def dead_letter_records(topics: Topics, source: str, dead: Sequence[DeadLetter]) -> list[Output]:
    """Return the records of `dead-dead_letter_records`."""
    name = topics.dead_letters.name
    return [Output(name, source.encode(), letter.encode(), 0) for letter in dead]


class Deliver:
    """Sends and buries for one source; both return once the broker has everything."""

    def __init__(self, topics: Topics, produce: Produce, source: str) -> None:
        self._topics, self._produce, self._source = topics, produce, source

    async def send(self, posts: Sequence[Feedback]) -> None:
        """Send feedback; raises OutsideFault."""
        if posts:
            await self._produce(records(self._topics, posts))

    async def send_to_dlq(self, dead: Sequence[DeadLetter]) -> None:
        """Send dead letters; raises OutsideFault."""
        if dead:
            await self._produce(dead_letter_records(self._topics, self._source, dead))


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
    """Return a string that UTF-8 can spell, or None for what is no string."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def dumped(payload: object) -> bytes:
    """Return a decoded payload as bytes, the same ones for the same payload.

    In plain JSON, because a payload may hold lone surrogates, which UTF-8 cannot spell.
    """
    return json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()

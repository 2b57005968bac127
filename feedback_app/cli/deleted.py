"""Which feedback was deleted at its source, so that nothing shows its text any more."""

from collections.abc import Iterable

from feedback_app.clock import SystemClock
from feedback_app.hop.types import Row
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from models import InvalidRecord, ScoredFeedback


async def deleted_of(
    settings: Settings, identities: Iterable[str], partition: int | None = None
) -> set[str]:
    """Return those of the feedback ids that `scored` tells deleted; raises OutsideFault.

    `partition` is where they are; with None they are looked for in all of them, because who writes
    to `raw` may spread ids in a way of its own.
    """
    needles = {identity.encode(): identity for identity in identities}
    every = range(settings.partitions)
    numbers = every if partition is None else [one for one in every if one == partition]
    if not numbers or not needles:
        return set()
    found: set[str] = set()

    def take(row: Row) -> None:
        identity = needles.get(row.key or b"")
        if identity is None:
            return
        try:
            if ScoredFeedback.decode(row.value).feedback.kind == "delete":
                found.add(identity)
        except InvalidRecord:
            return

    topic = Topics.of(settings).scored.name
    await TopicReader(settings, SystemClock()).read_to_high_watermark(
        topic, dict.fromkeys(numbers, 0), None, take
    )
    return found

"""Which feedback was deleted at its source, so that no command shows its text."""

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
    """Return those of the feedback ids that are deleted in `scored`; raises TransientError.

    `partition` is where they are. None searches all partitions, because other producers of `raw`
    may partition by other keys.
    """
    needles = {identity.encode(): identity for identity in identities}
    numbers = [n for n in range(settings.partitions) if partition in (None, n)]
    if not numbers or not needles:
        return set()
    found: set[str] = set()

    def apply(row: Row) -> None:
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
        topic, dict.fromkeys(numbers, 0), None, apply
    )
    return found

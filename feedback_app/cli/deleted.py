"""Whether a feedback was deleted at its source, so that nothing shows its text any more."""

from feedback_app.clock import SystemClock
from feedback_app.hop.types import Row
from feedback_app.readback import ReadBack
from feedback_app.settings import Settings
from feedback_app.topics import Topics
from models import InvalidRecord, ScoredFeedback


async def is_deleted(settings: Settings, identity: str, partition: int | None) -> bool:
    """Look for a deletion of a feedback id in `scored`; raises OutsideFault.

    `partition` is where the feedback is; with None it is looked for in all of them, because who
    writes to `raw` may spread ids in a way of its own.
    """
    every = range(settings.partitions)
    numbers = every if partition is None else [one for one in every if one == partition]
    if not numbers:
        return False
    found = False
    needle = identity.encode()

    def take(row: Row) -> None:
        nonlocal found
        if row.key != needle:
            return
        try:
            found = found or ScoredFeedback.decode(row.value).feedback.kind == "delete"
        except InvalidRecord:
            return

    topic = Topics.of(settings).scored.name
    await ReadBack(settings, SystemClock()).to_end(topic, dict.fromkeys(numbers, 0), None, take)
    return found

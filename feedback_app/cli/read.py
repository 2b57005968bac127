"""Topics of one partition, read by the commands without a group."""

from collections.abc import Callable

from feedback_app.clock import SystemClock
from feedback_app.hop.types import Row
from feedback_app.kafka.reader import TopicReader
from feedback_app.settings import Settings
from models import Action, InvalidRecord


async def read_whole(settings: Settings, topic: str, apply: Callable[[Row], None]) -> None:
    """Apply every record of a one-partition topic; raises TransientError."""
    await TopicReader(settings, SystemClock()).read_to_high_watermark(topic, {0: 0}, None, apply)


async def newest_actions(settings: Settings, topic: str) -> dict[str, Action]:
    """Return the newest action of each target; malformed records are skipped.

    Raises TransientError.
    """
    found: dict[str, Action] = {}

    def apply(row: Row) -> None:
        target = (row.key or b"").decode("utf-8", "replace")
        if row.value is None:
            found.pop(target, None)
            return
        try:
            found[target] = Action.decode(row.value)
        except InvalidRecord:
            return

    await read_whole(settings, topic, apply)
    return found

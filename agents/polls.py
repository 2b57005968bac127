"""The stage `polls`: a request that a source is due becomes feedback in `raw` and a new cursor.

Topic in: `polls`, keyed by source. Topics out: `raw`, `cursors`, `dead-letters`. No state of its
own: the cursor is read from `cursors`. Limits: none but the poller's, one poll of a source at a
time (`feedback_app/sources/polling.py`).
"""

from feedback_app.hop.record import RecordStage
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Plan, Stage
from feedback_app.hop.types import Item, Result
from feedback_app.kafka.topics import Topics
from feedback_app.sources.polling import Poller
from models import PollRequest


def build(registry: StageRegistry, topics: Topics, poller: Poller) -> Stage:
    """Add the stage to the registry and return it."""

    async def poll(item: Item[PollRequest]) -> Result:
        return Result(counts=await poller.poll(item.value.source, item.offset))

    plan = Plan(
        name="polls",
        topic=topics.polls.name,
        decode=PollRequest.decode,
        group=lambda request: request.source,
    )
    return registry.add(lambda links: RecordStage(plan, links, poll, seen=registry.seen))

"""The polls stage: reads `polls`, polls the source that is due, writes what is new to `raw`.

State: none here. How far a source was read is its cursor on `cursors`; what cannot be read goes to
`dead-letters`. One poll of a source runs at a time, whatever is requested.
"""

from feedback_app.hop import Item, Result
from feedback_app.hop.record import RecordStage
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Stage, StageSpec
from feedback_app.kafka.topics import Topics
from feedback_app.sources.polling import Poller
from models import PollRequest

NAME = "polls"


def build(registry: StageRegistry, topics: Topics, poller: Poller) -> Stage:
    """Add the stage to the registry; the poller writes the records itself."""

    async def poll(item: Item[PollRequest]) -> Result:
        return Result(counts=await poller.poll(item.value.source, item.offset))

    spec = StageSpec(
        name=NAME,
        topic=topics.polls.name,
        decode=PollRequest.decode,
        group=lambda request: request.source,
    )
    return registry.add(RecordStage(spec, registry.context, poll))

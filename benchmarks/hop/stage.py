"""The stage runner with a trivial handler, typed records and accounting.

faust -A benchmarks.hop.stage worker -l info --without-web
"""

from collections.abc import Sequence

from benchmarks.hop.app import MAX_BATCH, app, registry, topics
from feedback_app.hop import Item, Output, Result
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.stage import StageSpec
from models import Feedback, ScoredFeedback

__all__ = ["app"]


async def score(items: Sequence[Item[Feedback]]) -> list[Result]:
    """Return every record with the same score."""
    target = topics.scored.name
    return [
        Result(
            [Output(target, item.key, scored(item).encode(), item.partition)],
            [(item.value.source, "scored")],
        )
        for item in items
    ]


def scored(item: Item[Feedback]) -> ScoredFeedback:
    """Return the scored record of a raw one."""
    fields = ScoredFeedback.defaults()
    fields["feedback"], fields["score"], fields["label"] = item.value, 0.5, "neutral"
    fields["model"] = "bench"
    fields["partition"], fields["offset"] = item.partition, item.offset
    return ScoredFeedback.build(fields)


spec = StageSpec(
    "bench",
    topics.raw.name,
    Feedback.decode,
    lambda feedback: feedback.source,
    count_read="ingested",
)
registry.add(BatchStage(spec, registry.context, score, max_batch=MAX_BATCH))

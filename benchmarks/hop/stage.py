"""The stage runner with a trivial handler, typed records and accounting.

faust -A benchmarks.hop.stage worker -l info --without-web
"""

from collections.abc import Sequence

from benchmarks.hop.app import MAX_BATCH, app, registry, topics
from feedback_app.hop import Item, Output, Result
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.stage import Plan
from models import Feedback, ScoredFeedback

__all__ = ["app"]


async def score(items: Sequence[Item[Feedback]]) -> list[Result]:
    """Return every record with the same score."""
    target = topics.scored.name
    return [
        Result(
            [
                Output(
                    target,
                    item.key,
                    ScoredFeedback.build(
                        {
                            "feedback": item.value,
                            "score": 0.5,
                            "label": "neutral",
                            "probabilities": None,
                            "model": "bench",
                            "scored_at": None,
                            "partition": item.partition,
                            "offset": item.offset,
                            "first": True,
                            "version": ScoredFeedback.VERSION,
                        }
                    ).encode(),
                    item.partition,
                )
            ],
            [(item.value.source, "scored")],
        )
        for item in items
    ]


plan = Plan(
    "bench", topics.raw.name, Feedback.decode, lambda feedback: feedback.source, taken="ingested"
)
registry.add(lambda links: BatchStage(plan, links, score, max_batch=MAX_BATCH, seen=registry.seen))

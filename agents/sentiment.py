"""The sentiment stage: reads `raw`, writes `scored`, each revision of a message once.

State: the dedupe store of each partition, restored from `scored`. The handler is pure, so a batch
can be repeated after a failure.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from feedback_app.clock import Clock
from feedback_app.dedupe_store import DedupeStore, outcome_of
from feedback_app.hop import Count, Item, Output, Result, TransientError
from feedback_app.hop.batch import BatchHandler, BatchStage
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Stage, StageSpec
from feedback_app.hop.types import StateTopic
from feedback_app.kafka.topics import Topics
from feedback_app.sentiment.classifier import (
    ClassifierUnavailable,
    Probabilities,
    TextsRefused,
)
from feedback_app.sentiment.language import can_score
from feedback_app.sentiment.new_revisions import deduplicate
from feedback_app.sentiment.tagging import mark_languages, tagged_text
from models import Feedback, ScoredFeedback, rfc3339
from models.feedback import sane_time

NAME = "sentiment"
MAX_BATCH = 512
"""Records of a batch: several model batches, so that the model never waits for records."""
MAX_IN_FLIGHT = 2
"""Batches in flight: the model works on one while the other is being sent."""
CLASSES = Probabilities._fields
DIGITS = 6
"""Decimal places of a score."""


class TextScorer(Protocol):
    """The part of the scorer that this stage uses."""

    @property
    def name(self) -> str:
        """Model and backend."""

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that the model can score; None for any language."""

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text.

        Raises ClassifierUnavailable, or TextsRefused with the results of the other texts.
        """


def build(
    registry: StageRegistry, topics: Topics, scorer: TextScorer, hours: float, clock: Clock
) -> Stage:
    """Add the stage to the registry; repeats of a revision are recognised for at least `hours`."""
    spec = StageSpec(
        name=NAME,
        topic=topics.raw.name,
        decode=Feedback.decode,
        group=lambda feedback: feedback.source,
        count_read="ingested",
        state=StateTopic(topics.scored.name, lambda partition: DedupeStore(hours, clock), hours),
    )
    score = handler(scorer, topics.scored.name, clock)
    return registry.add(
        BatchStage(
            spec,
            registry.context,
            score,
            max_batch=MAX_BATCH,
            max_in_flight=MAX_IN_FLIGHT,
        )
    )


def handler(scorer: TextScorer, topic: str, clock: Clock) -> BatchHandler:
    """Return the batch handler, which writes to `topic`."""

    async def sentiment(items: Sequence[Item[Feedback]]) -> list[Result]:
        results, fresh = deduplicate(items)
        texts = [item for item in fresh if item.value.kind != "delete"]
        languages = scorer.languages
        if languages is not None and texts:
            await asyncio.to_thread(mark_languages, [item.value for item in texts])
        scored = [item for item in texts if can_score(languages, item.value.lang)]
        refused: dict[int, str] = {}
        found: Sequence[Probabilities | None]
        try:
            found = await scorer.score([tagged_text(item.value) for item in scored])
        except ClassifierUnavailable as error:
            raise TransientError("model", str(error), error.retry_after) from error
        except TextsRefused as error:
            found, refused = error.results, dict(error.reasons)
        by_item = {
            id(item): (place, one)
            for place, (item, one) in enumerate(zip(scored, found, strict=True))
        }
        now = clock.time()
        for place, item in enumerate(items):
            if results[place] is None:
                at, one = by_item.get(id(item), (-1, None))
                if at in refused:
                    results[place] = Result(dead=refused[at])
                else:
                    results[place] = output(item, one, topic, scorer.name, now, fresh[item])
        return [result for result in results if result is not None]

    return sentiment


def output(
    item: Item[Feedback],
    found: Probabilities | None,
    topic: str,
    model: str,
    now: float,
    first: bool,
) -> Result:
    """Return the result of a new revision; `found` is None if its text is not scored."""
    feedback = item.value
    if sane_time(feedback.created_at, now) is None:
        feedback.created_at = None
    fields = ScoredFeedback.defaults()
    fields["feedback"], fields["first"] = feedback, first
    fields["partition"], fields["offset"] = item.partition, item.offset
    fields["scored_at"] = rfc3339(now)
    if found is not None:
        fields["score"], fields["label"] = round(found.score, DIGITS), found.label
        fields["probabilities"] = {
            name: round(p, DIGITS) for name, p in zip(CLASSES, found, strict=True)
        }
        fields["model"] = model
    scored = ScoredFeedback.build(fields)
    counts: list[Count] = [(feedback.source, outcome_of(scored))]
    if found is not None:
        counts.append((feedback.source, f"label_{found.label}"))
    return Result(
        outputs=[Output(topic, feedback.id.encode(), scored.encode(), item.partition)],
        counts=counts,
        remember=scored,
    )

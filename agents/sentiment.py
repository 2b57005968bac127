"""The sentiment stage: raw feedback in, scored feedback out, each revision once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from feedback_app.dedupe import DedupeStore, SeenId, outcome_of
from feedback_app.hop import Count, Item, Output, Result, TransientError
from feedback_app.sentiment.classifier import (
    ClassifierUnavailable,
    Probabilities,
    Said,
    TextsRefused,
)
from feedback_app.sentiment.language import can_score, language_of, tagged
from models import Feedback, ScoredFeedback, rfc3339
from models.feedback import sane_time

NAMES = Probabilities._fields
DIGITS = 6
"""Digits of a score after the point."""


class TextScorer(Protocol):
    """What this stage needs of the scorer."""

    @property
    def name(self) -> str:
        """Model and way of computing."""

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that it can score; None means any."""

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result a text."""


def build(
    scorer: TextScorer,
    topic: str,
    clock: Callable[[], float],
) -> Callable[[Sequence[Item[Feedback]]], Awaitable[list[Result]]]:
    """Return the handler, which writes to `topic`."""

    async def sentiment(items: Sequence[Item[Feedback]]) -> list[Result]:
        results, fresh = decide(items)
        texts = [item for item in fresh if item.value.kind != "delete"]
        languages = scorer.languages
        if languages is not None and texts:
            await asyncio.to_thread(mark_languages, [item.value for item in texts])
        scored = [item for item in texts if can_score(languages, item.value.lang)]
        refused: dict[int, str] = {}
        found: Sequence[Probabilities | None]
        try:
            found = await scorer.score([said_by(item.value) for item in scored])
        except ClassifierUnavailable as error:
            raise TransientError("model", str(error), error.retry_after) from error
        except TextsRefused as error:
            found, refused = error.results, dict(error.reasons)
        told = {
            id(item): (place, one)
            for place, (item, one) in enumerate(zip(scored, found, strict=True))
        }
        now = clock()
        for place, item in enumerate(items):
            if results[place] is None:
                at, one = told.get(id(item), (-1, None))
                if at in refused:
                    results[place] = Result(dead=refused[at])
                else:
                    results[place] = output(item, one, topic, scorer.name, now, fresh[item])
        return [result for result in results if result is not None]

    return sentiment


def said_by(feedback: Feedback) -> str:
    """Return the text, with its language where that is known."""
    code = tagged(feedback.lang)
    return feedback.text if code is None else Said(feedback.text, code)


def mark_languages(every: Sequence[Feedback]) -> None:
    """Set the language of each feedback to its ISO 639-1 code, None where it is not clear."""
    for feedback in every:
        feedback.lang = language_of(feedback.text, feedback.lang)


def look_up(items: Sequence[Item[Feedback]]) -> dict[tuple[int, str], SeenId]:
    """Return what is known of each item's id by partition and id; raises OutsideFault."""
    ids: dict[int, list[str]] = {}
    states: dict[int, DedupeStore] = {}
    for item in items:
        states[item.partition] = item.state
        ids.setdefault(item.partition, []).append(item.value.id)
    return {
        (partition, identity): known
        for partition, state in states.items()
        for identity, known in state.known(ids[partition]).items()
    }


def decide(
    items: Sequence[Item[Feedback]],
) -> tuple[list[Result | None], dict[Item[Feedback], bool]]:
    """Return the results of repeated records, None for the rest, and of those whether an id's
    first revision is before us."""
    results: list[Result | None] = []
    fresh: dict[Item[Feedback], bool] = {}
    batch: dict[tuple[int, str], tuple[int, bool]] = {}
    every = look_up(items)
    for item in items:
        feedback = item.value
        place = (item.partition, feedback.id)
        known = every.get(place)
        revision, deleted = batch.get(
            place, (known.revision, known.deleted) if known else (None, False)
        )
        if known is not None and (outcome := known.outcome(item.offset)) is not None:
            # Its output stands in `scored` already: it was carried out before a crash.
            results.append(Result(counts=[(feedback.source, outcome)]))
        elif deleted or (
            feedback.kind != "delete" and revision is not None and feedback.revision <= revision
        ):
            results.append(Result(counts=[(feedback.source, "duplicate")]))
        else:
            results.append(None)
            fresh[item] = revision is None
            batch[place] = (
                max(feedback.revision, revision if revision is not None else feedback.revision),
                feedback.kind == "delete",
            )
    return results, fresh


def output(
    item: Item[Feedback],
    said: Probabilities | None,
    topic: str,
    model: str,
    now: float,
    first: bool,
) -> Result:
    """Return the result of a record that was not seen before."""
    feedback = item.value
    if sane_time(feedback.created_at, now) is None:
        feedback.created_at = None
    fields = ScoredFeedback.defaults()
    fields["feedback"], fields["first"] = feedback, first
    fields["partition"], fields["offset"] = item.partition, item.offset
    fields["scored_at"] = rfc3339(now)
    if said is not None:
        fields["score"], fields["label"] = round(said.score, DIGITS), said.label
        fields["probabilities"] = {
            name: round(p, DIGITS) for name, p in zip(NAMES, said, strict=True)
        }
        fields["model"] = model
    scored = ScoredFeedback.build(fields)
    counts: list[Count] = [(feedback.source, outcome_of(scored))]
    if said is not None:
        counts.append((feedback.source, f"label_{said.label}"))
    return Result(
        outputs=[Output(topic, feedback.id.encode(), scored.encode(), item.partition)],
        counts=counts,
        remember=scored,
    )

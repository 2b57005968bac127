"""The sentiment stage: raw feedback in, scored feedback out, each revision once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from feedback_app.hop import Count, Item, Output, OutsideFault, Result, Row
from feedback_app.sentiment.classifier import ClassifierUnavailable, Probabilities, TextsRefused
from feedback_app.sentiment.language import can_score, language_of
from models import Feedback, InvalidRecord, ScoredFeedback, rfc3339
from models.feedback import sane_time

log = logging.getLogger(__name__)

NAMES = Probabilities._fields
DIGITS = 6
"""Digits of a score after the point."""
OUTCOMES = ("scored", "unscored", "deleted")
"""What a scored record counts as; the order is that of the numbers in `Known.records`."""


class Known(NamedTuple):
    """What is known of a feedback id: its highest revision and the raw records behind it.

    A number in `records` is the offset of a raw record that has an output and what it counted as
    (`record_of`): millions of ids are held, and a mapping of each would take twice the memory.
    """

    revision: int
    deleted: bool
    records: tuple[int, ...]
    at: float

    def outcome(self, offset: int) -> str | None:
        """Return what the raw record at an offset counted as, None where it has no output."""
        for record in self.records:
            if record // len(OUTCOMES) == offset:
                return OUTCOMES[record % len(OUTCOMES)]
        return None


def record_of(offset: int, outcome: str) -> int:
    """Return an offset and what its record counted as in one number."""
    return offset * len(OUTCOMES) + OUTCOMES.index(outcome)


class SentimentState:
    """The revisions of one partition, rebuilt from the same partition of `scored`."""

    def __init__(self, partition: int, hours: float, clock: Callable[[], float]) -> None:
        self._keep_s, self._clock = hours * 3600, clock
        self._known: dict[str, Known] = {}
        self._due = 0.0
        """When the oldest is to be forgotten, in Unix seconds."""

    def get(self, feedback_id: str) -> Known | None:
        """Return what is known of an id."""
        return self._known.get(feedback_id)

    def restore(self, row: Row) -> None:
        """Take in a scored record, in the order of the topic."""
        try:
            self.remember((ScoredFeedback.decode(row.value), row.timestamp))
        except InvalidRecord as error:
            log.warning("scored %d@%d is not ours: %s", row.partition, row.offset, error)

    def remember(self, what: Any) -> None:
        """Take in (scored record, Unix time) once the broker has it."""
        scored, at = what
        identity = scored.feedback.id
        # Out and in again, so that the oldest stand first.
        self._known[identity] = merge(self._known.pop(identity, None), scored, at)
        if self._clock() > self._due:
            self._forget(self._clock() - self._keep_s)

    def _forget(self, limit: float) -> None:
        """Forget what came before a time in Unix seconds."""
        while self._known:
            oldest = next(iter(self._known))
            if self._known[oldest].at >= limit:
                self._due = self._known[oldest].at + self._keep_s
                return
            del self._known[oldest]


def merge(known: Known | None, scored: ScoredFeedback, at: float) -> Known:
    """Return what is known of an id after one more scored record."""
    feedback = scored.feedback
    records: tuple[int, ...] = (record_of(scored.offset, outcome_of(scored)),)
    revision, deleted = feedback.revision, feedback.kind == "delete"
    if known is not None:
        records += tuple(one for one in known.records if one // len(OUTCOMES) != scored.offset)
        revision, deleted = max(revision, known.revision), deleted or known.deleted
    return Known(revision, deleted, records, at)


def outcome_of(scored: ScoredFeedback) -> str:
    """Return what a scored record counts as."""
    if scored.feedback.kind == "delete":
        return "deleted"
    return "unscored" if scored.score is None else "scored"


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
            found = await scorer.score([item.value.text for item in scored])
        except ClassifierUnavailable as error:
            raise OutsideFault("model", str(error), error.retry_after) from error
        except TextsRefused as error:
            found, refused = error.results, dict(error.reasons)
        said = {
            id(item): (place, one)
            for place, (item, one) in enumerate(zip(scored, found, strict=True))
        }
        now = clock()
        for place, item in enumerate(items):
            if results[place] is None:
                at, one = said.get(id(item), (-1, None))
                if at in refused:
                    results[place] = Result(dead=refused[at])
                else:
                    results[place] = output(item, one, topic, scorer.name, now, fresh[item])
        return [result for result in results if result is not None]

    return sentiment


def mark_languages(every: Sequence[Feedback]) -> None:
    """Set the language of each feedback to its ISO 639-1 code, None where it is not clear."""
    for feedback in every:
        feedback.lang = language_of(feedback.text, feedback.lang)


def decide(
    items: Sequence[Item[Feedback]],
) -> tuple[list[Result | None], dict[Item[Feedback], bool]]:
    """Return the results of repeated records, None for the rest, and of those whether an id's
    first revision is before us."""
    results: list[Result | None] = []
    fresh: dict[Item[Feedback], bool] = {}
    batch: dict[tuple[int, str], tuple[int, bool]] = {}
    for item in items:
        feedback = item.value
        place = (item.partition, feedback.id)
        known: Known | None = item.state.get(feedback.id)
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
    score = label = probabilities = None
    if said is not None:
        score, label = round(said.score, DIGITS), said.label
        probabilities = {name: round(p, DIGITS) for name, p in zip(NAMES, said, strict=True)}
    scored = ScoredFeedback.build(
        {
            "feedback": feedback,
            "score": score,
            "label": label,
            "probabilities": probabilities,
            "model": None if said is None else model,
            "scored_at": rfc3339(now),
            "partition": item.partition,
            "offset": item.offset,
            "first": first,
            "version": ScoredFeedback.VERSION,
        }
    )
    counts: list[Count] = [(feedback.source, outcome_of(scored))]
    if label is not None:
        counts.append((feedback.source, f"label_{label}"))
    return Result(
        outputs=[Output(topic, feedback.id.encode(), scored.encode(), item.partition)],
        counts=counts,
        remember=(scored, now),
    )

"""The sentiment stage: each revision once, a deletion wins, in any order and after crashes."""

from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from agents.sentiment import handler
from feedback_app.dedupe_store import DedupeStore
from feedback_app.hop import Item, Result, Row
from feedback_app.sentiment.classifier import Probabilities, TaggedText
from models import Feedback, ScoredFeedback
from tests.support.clocks import HandClock

NOW = 1_800_000_000.0
REVISIONS = [
    Feedback(id="a", text="one", source="s", revision=1),
    Feedback(id="a", text="two", source="s", revision=2, kind="edit"),
    Feedback(id="a", text="three", source="s", revision=3, kind="edit"),
    Feedback(id="a", text="", source="s", revision=4, kind="delete"),
    Feedback(id="b", text="other", source="s", revision=1),
]


class Scorer:
    """Returns the same probabilities for every text."""

    name = "even"
    languages: frozenset[str] | None = None

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text."""
        return [Probabilities(0.2, 0.5, 0.3) for _ in texts]


class Polyglot(Scorer):
    """Records the language that each text is tagged with."""

    languages = frozenset({"en", "fr", "id"})

    def __init__(self) -> None:
        self.languages_seen: list[str | None] = []

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text."""
        self.languages_seen += [
            text.language if isinstance(text, TaggedText) else None for text in texts
        ]
        return await super().score(texts)


def state() -> DedupeStore:
    """Return the state of an empty partition."""
    return DedupeStore(24, HandClock(NOW))


def item(feedback: Feedback, offset: int, store: DedupeStore) -> Item[Feedback]:
    """Return a raw record, freshly decoded, because a handler may change its items."""
    fresh = Feedback.decode(feedback.encode())
    return Item("raw", 0, offset, feedback.id.encode(), NOW, fresh, store)


async def carried(
    every: Sequence[tuple[int, Feedback]], store: DedupeStore, most: int
) -> list[Result]:
    """Run records through the stage in batches of at most `most`."""
    carry = handler(Scorer(), "scored", HandClock(NOW))
    results: list[Result] = []
    for first in range(0, len(every), most):
        batch = [item(feedback, offset, store) for offset, feedback in every[first : first + most]]
        found = await carry(batch)
        for result in found:
            if result.remember is not None:
                store.remember(result.remember)
        results += found
    return results


def written(results: Sequence[Result]) -> list[ScoredFeedback]:
    """Return the records for `scored`."""
    return [ScoredFeedback.decode(one.value) for result in results for one in result.outputs]


@given(
    order=st.lists(st.sampled_from(REVISIONS), min_size=1, max_size=12).map(
        lambda some: [*some, *REVISIONS]
    ),
    shuffle=st.randoms(use_true_random=False),
    most=st.integers(1, 8),
)
async def test_every_order_with_redeliveries_ends_the_same(
    order: list[Feedback], shuffle: Random, most: int
) -> None:
    shuffle.shuffle(order)
    results = await carried(list(enumerate(order)), state(), most)
    assert len(results) == len(order)
    records = written(results)
    # Rising revisions, each once; after the deletion nothing more of that id.
    for name in "ab":
        revisions = [one.feedback.revision for one in records if one.feedback.id == name]
        assert revisions == sorted(set(revisions))
        firsts = [one.first for one in records if one.feedback.id == name]
        assert firsts == [True] + [False] * (len(firsts) - 1)
    last = [one for one in records if one.feedback.id == "a"][-1]
    assert (last.feedback.kind, last.score, last.feedback.text) == ("delete", None, "")
    # Every record counts as exactly one thing.
    outcomes = {"scored", "duplicate", "deleted"}
    for result in results:
        assert len([name for _, name in result.counts if name in outcomes]) == 1


@given(order=st.permutations(REVISIONS), crash=st.integers(0, len(REVISIONS)))
async def test_after_a_crash_each_record_counts_as_what_it_was(
    order: list[Feedback], crash: int
) -> None:
    numbered = list(enumerate(order))
    before = await carried(numbered[:crash], state(), 3)
    # Nothing was acknowledged; the next worker has only what stands in `scored`.
    after = state()
    for at, scored in enumerate(written(before)):
        after.restore(Row(0, at, None, scored.encode(), NOW))
    again = await carried(numbered, after, 3)
    for one, other in zip(before, again, strict=False):
        kept = [count for count in one.counts if not count[1].startswith("label_")]
        assert [c for c in other.counts if not c[1].startswith("label_")] == kept
        assert not other.outputs


async def test_texts_are_tagged_with_the_language_that_the_source_names() -> None:
    named = ["fr", "in", "und", None, "tlh"]
    posts = [
        Feedback(id=str(place), text="C'est nul.", source="x", revision=1, lang=lang)
        for place, lang in enumerate(named)
    ]
    scorer, store = Polyglot(), state()
    carry = handler(scorer, "scored", HandClock(NOW))
    await carry([item(post, place, store) for place, post in enumerate(posts)])
    # The last is in a language that cannot be scored, and passed on without a score.
    assert scorer.languages_seen == ["fr", "id", None, None]

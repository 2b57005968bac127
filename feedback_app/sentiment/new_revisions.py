"""Splits a batch into new revisions and duplicates. Pure."""

from collections.abc import Sequence

from feedback_app.dedupe_store import DedupeStore, SeenId
from feedback_app.hop import Item, Result
from models import Feedback


def deduplicate(
    items: Sequence[Item[Feedback]],
) -> tuple[list[Result | None], dict[Item[Feedback], bool]]:
    """Return the result of each duplicate (None: new revision), and {new item: is its id new}.

    `item.state` is the DedupeStore of the item's partition. Raises TransientError if a store fails.
    """
    results: list[Result | None] = []
    fresh: dict[Item[Feedback], bool] = {}
    batch: dict[tuple[int, str], tuple[int, bool]] = {}
    every = _seen_ids(items)
    for item in items:
        feedback = item.value
        place = (item.partition, feedback.id)
        known = every.get(place)
        revision, deleted = batch.get(
            place, (known.revision, known.deleted) if known else (None, False)
        )
        if known is not None and (outcome := known.outcome(item.offset)) is not None:
            # Its output was written to `scored` before a crash.
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


def _seen_ids(items: Sequence[Item[Feedback]]) -> dict[tuple[int, str], SeenId]:
    """Return {(partition, feedback id): its entry in the partition's store}."""
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

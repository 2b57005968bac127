"""The stage runner with untyped JSON, with accounting: faust -A benchmarks.peers.ours worker."""

from collections.abc import Sequence
from typing import Any

import orjson

from benchmarks.hop.app import MAX_BATCH, app, registry, topics
from feedback_app.hop import Item, Output, Result
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.stage import StageSpec

__all__ = ["app"]


def decode(value: bytes | None, key: bytes | None) -> dict[str, Any]:
    """Return the JSON object in `value`."""
    data: dict[str, Any] = orjson.loads(value or b"{}")
    return data


async def score(items: Sequence[Item[dict[str, Any]]]) -> list[Result]:
    """Add a score."""
    target = topics.scored.name
    for item in items:
        item.value["score"] = 0.5
    return [
        Result([Output(target, item.key, orjson.dumps(item.value), item.partition)])
        for item in items
    ]


spec = StageSpec("bench", topics.raw.name, decode, lambda value: "bench")
registry.add(BatchStage(spec, registry.context, score, max_batch=MAX_BATCH))

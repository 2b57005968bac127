"""The stage runner with the library's scorer: faust -A benchmarks.peers.ours_pipeline worker."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from benchmarks.hop.app import MAX_BATCH, app, registry, topics
from benchmarks.peers.model import scorer
from benchmarks.peers.ours import decode
from feedback_app.hop import Item, Output, Result
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.stage import StageSpec

__all__ = ["app"]
score_texts = scorer("pipeline")


async def score(items: Sequence[Item[dict[str, Any]]]) -> list[Result]:
    """Add the library's scores."""
    found = await asyncio.to_thread(score_texts, [item.value["text"] for item in items])
    for item, one in zip(items, found, strict=True):
        item.value["score"] = one
    target = topics.scored.name
    return [
        Result([Output(target, item.key, orjson.dumps(item.value), item.partition)])
        for item in items
    ]


spec = StageSpec("bench", topics.raw.name, decode, lambda value: "bench")
registry.add(BatchStage(spec, registry.context, score, max_batch=MAX_BATCH))

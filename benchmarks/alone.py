"""The scorer alone: what the pipeline's throughput is a share of.

    python -m benchmarks.alone TEXTS.json

Reads a JSON list of texts, scores them with the scorer of a worker, best of two, and prints one
line of JSON: `seconds` and `cpu_s` of the best, and the `scores`.
"""

import asyncio
import sys
import time
from pathlib import Path

import orjson

from feedback_app.configuration import load
from feedback_app.sentiment.choose import load_scorer

ROUNDS = 2


async def main(texts: list[str]) -> None:
    """Score and print."""
    scorer = load_scorer(load())
    await scorer.score(texts[:512])
    taken = []
    for _ in range(ROUNDS):
        began, used = time.monotonic(), time.process_time()
        found = await scorer.score(texts)
        taken.append((time.monotonic() - began, time.process_time() - used))
    scorer.close()
    seconds, cpu_s = min(taken)
    scores = [one.score for one in found]
    print(orjson.dumps({"seconds": seconds, "cpu_s": cpu_s, "scores": scores}).decode())


if __name__ == "__main__":
    asyncio.run(main(orjson.loads(Path(sys.argv[1]).read_bytes())))

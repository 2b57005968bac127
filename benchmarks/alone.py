"""The scorer alone, as the reference for the throughput of the pipeline.

    python -m benchmarks.alone TEXTS.json

Scores a JSON list of texts with the scorer of a worker and prints one line of JSON: `seconds` and
`cpu_s` of the best of two rounds, and the `scores`.
"""

import asyncio
import sys
import time
from pathlib import Path

import orjson

from feedback_app.load_settings import load
from feedback_app.sentiment.model_choice import load_scorer

ROUNDS = 2


async def main(texts: list[str]) -> None:
    """Score and print."""
    scorer = load_scorer(load())
    await scorer.score(texts[:512])
    timings = []
    for _ in range(ROUNDS):
        began, used = time.monotonic(), time.process_time()
        found = await scorer.score(texts)
        timings.append((time.monotonic() - began, time.process_time() - used))
    scorer.close()
    seconds, cpu_s = min(timings)
    scores = [one.score for one in found]
    print(orjson.dumps({"seconds": seconds, "cpu_s": cpu_s, "scores": scores}).decode())


if __name__ == "__main__":
    asyncio.run(main(orjson.loads(Path(sys.argv[1]).read_bytes())))

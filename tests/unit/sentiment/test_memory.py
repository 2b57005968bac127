"""Memory of the scorer beyond importing torch, and that it does not grow."""

import json
import subprocess
import sys

import pytest

MEASURE = """
import json, torch
from random import Random

import psutil

def megabytes():
    return psutil.Process().memory_info().rss / 1e6

bare = megabytes()
import asyncio
from feedback_app.sentiment.model_choice import load_scorer
from feedback_app.settings import Settings
scorer = load_scorer(Settings(model_threads=1))
random = Random(5)
words = "the update is slow broken great thanks again why does it when love hate not".split()

async def score(rounds):
    for _ in range(rounds):
        texts = [" ".join(random.choices(words, k=random.randint(1, 60))) for _ in
                 range(random.randint(1, 150))]
        await scorer.score(texts)

asyncio.run(score(12))
early = megabytes()
asyncio.run(score(12))
import sys
print(json.dumps({"above": megabytes() - bare, "growth": megabytes() - early,
                  "transformers": "transformers" in sys.modules}))
"""


@pytest.mark.timeout(600)
def test_memory_is_bounded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, timeout=590, check=False
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    print(measured)
    assert measured["above"] <= 350
    # Batches of new sizes must not leak memory.
    assert measured["growth"] <= 60
    # Slow to import, and not needed for the bundled model.
    assert not measured["transformers"]

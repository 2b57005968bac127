"""Scoring speed against `transformers.pipeline` with the same weights.

    .venv/bin/python benchmarks/scoring.py [--input val.jsonl] [--model DIRECTORY] [--threads 2]

Measures in one run, on the same texts and threads, in turns and best of three: the pipeline in fp32
message by message and in batches of 32, and every backend of this machine, including tokenising.
The last line is JSON.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from feedback_app.sentiment import compute_backends as backends
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.compute_backends import Backend
from feedback_app.sentiment.model_files import BUNDLED, Encoder, load_local, normaliser
from feedback_app.sentiment.prepare import MAX_TOKENS, prepare
from feedback_app.sentiment.processor import threads_for

TEXTS = 2000
LATENCY_TEXTS = 300
ROUNDS = 3
SINGLE = "pipeline, one by one"
BATCHED = "pipeline, batch 32"
LABELS = ("negative", "neutral", "positive")


Score = Callable[[Sequence[str]], object]


def read(path: Path) -> tuple[list[str], list[int] | None]:
    """Return the first texts of a JSON-lines file, with their labels if each has one."""
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(TEXTS), strict=False)]
    labels = [row.get("label") for row in rows]
    known = [LABELS.index(label) if label in LABELS else label for label in labels]
    return [row["text"] for row in rows], known if all(k in (0, 1, 2) for k in known) else None


def generate() -> list[str]:
    """Return generated texts of tweet length."""
    random = Random(1)
    sentence = (
        "the new update export search page is was keeps not very love hate broken fast slow again "
        "thanks please when does my team report crashed after login support answered nobody great "
        "worst best ever price invoice @user #release http phone battery :) 😍 😡 why and but so"
    )
    words = sentence.split()
    return [" ".join(random.choices(words, k=random.randint(4, 32))) for _ in range(TEXTS)]


def rates(contenders: dict[str, Score], texts: Sequence[str]) -> dict[str, float]:
    """Return the texts a second of each, the best of its rounds.

    They take turns, so that a busy spell of the machine slows all of them.
    """
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, score in contenders.items():
            start = time.perf_counter()
            score(texts)
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: len(texts) / seconds for name, seconds in best.items()}


def latency_ms(score: Score, texts: Sequence[str]) -> float:
    """Return the median milliseconds of one text alone."""
    times = []
    for text in texts[:LATENCY_TEXTS]:
        start = time.perf_counter()
        score([text])
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


class Library:
    """`transformers.pipeline` in fp32 with the same weights, on prepared texts."""

    def __init__(self, directory: Path) -> None:
        from transformers import pipeline

        self._pipe: Any = pipeline(
            "text-classification",
            model=str(directory),
            tokenizer=str(directory),
            device="cpu",
            dtype=torch.float32,
            top_k=None,
        )
        self._truncation = {"truncation": True, "max_length": MAX_TOKENS}

    def one_by_one(self, texts: Sequence[str]) -> list[Any]:
        """Score message by message."""
        return [self._pipe(text, **self._truncation) for text in texts]

    def in_batches(self, texts: Sequence[str]) -> list[Any]:
        """Score in batches of 32."""
        answers: list[Any] = self._pipe(list(texts), batch_size=32, **self._truncation)
        return answers

    def probabilities(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return the probabilities of a model with the three usual labels."""
        answers = [{row["label"]: row["score"] for row in rows} for rows in self.in_batches(texts)]
        return [Probabilities(*(answer[label] for label in LABELS)) for answer in answers]


def peak_flops(backend: Backend) -> float:
    """Return the peak operations a second of matrix products; a multiply-add counts as two."""
    best = 0.0
    for rows, inner, columns in ((2048, 384, 1536), (2048, 2048, 2048)):
        a = torch.randn(rows, inner).to(backend.device, backend.dtype)
        b = torch.randn(inner, columns).to(backend.device, backend.dtype)
        for _ in range(20):
            start = time.perf_counter()
            product = a @ b
            if backend.device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * rows * inner * columns / (time.perf_counter() - start))
        del product
    return best


def flops_done(config: dict[str, Any], lengths: Sequence[int]) -> float:
    """Return the operations of the packed backend for texts of these token counts."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    layers = config["num_hidden_layers"]
    tokens, texts = sum(lengths), len(lengths)
    pairs = sum(length * length for length in lengths)
    full = 2 * (4 * hidden * hidden + 2 * hidden * inner) * tokens + 4 * hidden * pairs
    # The last layer: two sums over all tokens per head, the rest for the first token only.
    last = 4 * config["num_attention_heads"] * hidden * tokens
    last += 2 * (4 * hidden * hidden + 2 * hidden * inner) * texts
    return float((layers - 1) * full + last + 2 * hidden * hidden * texts)


def macro_recall(predicted: Sequence[Probabilities], labels: Sequence[int]) -> float:
    """Return the mean recall of the classes in per cent."""
    recalls = []
    for number, name in enumerate(LABELS):
        of_class = [s for s, label in zip(predicted, labels, strict=True) if label == number]
        recalls.append(sum(s.label == name for s in of_class) / len(of_class))
    return 100 * statistics.mean(recalls)


def within(scored: Sequence[Probabilities], reference: Sequence[Probabilities]) -> float:
    """Return the share of scores within the tolerance of the reference."""
    near = [
        abs(a.score - b.score) <= backends.SCORE_TOLERANCE
        for a, b in zip(scored, reference, strict=True)
    ]
    return sum(near) / len(near)


def main() -> None:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    data = os.environ.get("FEEDBACK_TRAIN_DATA")
    parser.add_argument("--input", type=Path, default=data and Path(data) / "val.jsonl")
    parser.add_argument("--model", type=Path, default=BUNDLED)
    parser.add_argument("--threads", type=int, default=threads_for())
    options = parser.parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    torch.set_num_threads(options.threads)
    texts, labels = read(options.input) if options.input else (generate(), None)
    source = options.input or "generated texts"
    console.print(f"{len(texts)} texts ({source}), {options.threads} threads, {platform.machine()}")

    chosen = load_local(str(options.model), options.threads)
    config = json.loads((options.model / "config.json").read_text())
    offered = {backend.name: backend for backend in backends.available()}
    loaded = {
        name: load_local(str(options.model), options.threads, backend)
        for name, backend in offered.items()
    }
    # The pipeline gets the texts as our tokenizer does; preparing them is not timed.
    prepared = [prepare(text, normaliser(config)) for text in texts]
    lengths = [len(ids) for ids in Encoder(options.model / "tokenizer.json", "model")(prepared)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = Library(options.model)
        scored = {name: classifier.score(texts) for name, classifier in loaded.items()}
        library_scored = library.probabilities(prepared)
        ours = rates(
            {name: c.score for name, c in loaded.items()}
            | {
                SINGLE: lambda _: library.one_by_one(prepared),
                BATCHED: lambda _: library.in_batches(prepared),
            },
            texts,
        )
        alone = {name: latency_ms(c.score, texts) for name, c in loaded.items()}
        alone[SINGLE] = latency_ms(library.one_by_one, prepared)
    single, batched = ours.pop(SINGLE), ours.pop(BATCHED)

    table = Table("backend", "texts/s", "vs one by one", "vs batch 32", "alone ms", "within 0.02")
    table.add_row(
        SINGLE, f"{single:.0f}", "1.0", f"{single / batched:.1f}", f"{alone[SINGLE]:.1f}", ""
    )
    table.add_row(BATCHED, f"{batched:.0f}", f"{batched / single:.1f}", "1.0", "", "")
    figures: dict[str, Any] = {}
    reference = scored[backends.FP32.name]
    for name, speed in ours.items():
        share = flops_done(config, lengths) * speed / len(texts) / peak_flops(offered[name])
        near = within(scored[name], reference)
        ratios = speed / single, speed / batched
        table.add_row(
            name,
            f"{speed:.0f}",
            f"{ratios[0]:.1f}",
            f"{ratios[1]:.1f}",
            f"{alone[name]:.1f}",
            f"{near:.4f}",
        )
        console.print(f"{name}: {share:.0%} of the processor's matrix-multiply peak")
        if chosen.name.endswith(f"({name})"):
            drop = None
            if labels:
                drop = round(
                    macro_recall(reference, labels) - macro_recall(scored[name], labels), 2
                )
            figures = {
                "vs_single": round(ratios[0], 2),
                "vs_batch32": round(ratios[1], 2),
                "share_of_peak": round(share, 3),
                "within_0_02": round(near, 4),
                "recall_drop": drop,
                "single_ms": round(alone[name], 2),
                "backend": name,
            }
    worst = max(abs(a.score - b.score) for a, b in zip(reference, library_scored, strict=True))
    console.print(table)
    console.print(f"largest difference of a score, packed fp32 from the library: {worst:.1e}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

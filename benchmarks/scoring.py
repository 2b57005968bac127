"""How fast texts are scored here, against `transformers.pipeline` with the same weights.

    .venv/bin/python benchmarks/scoring.py [--input val.jsonl] [--model DIRECTORY] [--threads 2]

Everything is measured in one run on the same texts and threads: the pipeline in fp32 message by
message and in batches of 32, and every way that this machine offers, tokenising included. The
last line is JSON.
"""

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from feedback_app.sentiment import backends
from feedback_app.sentiment.backends import Way
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.loading import BUNDLED, Encoder, load_local, normaliser
from feedback_app.sentiment.local import LocalClassifier
from feedback_app.sentiment.prepare import prepare
from feedback_app.sentiment.processor import threads_for

TEXTS = 2000
LATENCY_TEXTS = 300
REPEATS = 3
LABELS = ("negative", "neutral", "positive")


class Measured(NamedTuple):
    """One way of scoring: texts a second, milliseconds of one text alone, and what it said."""

    per_second: float
    single_ms: float
    said: list[Probabilities]


def read(path: Path) -> tuple[list[str], list[int] | None]:
    """Return the first texts of a JSON-lines file, with their labels if each has one."""
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(TEXTS), strict=False)]
    labels = [row.get("label") for row in rows]
    known = [LABELS.index(label) if label in LABELS else label for label in labels]
    return [row["text"] for row in rows], known if all(k in (0, 1, 2) for k in known) else None


def generate(seed: int = 1) -> list[str]:
    """Return texts of tweet length put together from words of feedback."""
    random = Random(seed)
    sentence = (
        "the new update export search page is was keeps not very love hate broken fast slow again "
        "thanks please when does my team report crashed after login support answered nobody great "
        "worst best ever price invoice @user #release http phone battery :) 😍 😡 why and but so"
    )
    words = sentence.split()
    return [" ".join(random.choices(words, k=random.randint(4, 32))) for _ in range(TEXTS)]


def rate(score: Callable[[Sequence[str]], object], texts: Sequence[str], repeats: int) -> float:
    """Return the texts a second of the best of some runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        score(texts)
        best = min(best, time.perf_counter() - start)
    return len(texts) / best


def latency_ms(score: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    """Return the median milliseconds of one text alone."""
    times = []
    for text in texts[:LATENCY_TEXTS]:
        start = time.perf_counter()
        score([text])
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def measure(classifier: LocalClassifier, texts: Sequence[str]) -> Measured:
    """Measure one of our ways."""
    said = classifier.score(texts)
    return Measured(
        rate(classifier.score, texts, REPEATS), latency_ms(classifier.score, texts), said
    )


def measure_pipeline(directory: Path, texts: Sequence[str]) -> tuple[Measured, float]:
    """Measure the library: one by one (with what it said), and texts a second in batches of 32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import pipeline

        pipe: Any = pipeline(
            "text-classification",
            model=str(directory),
            tokenizer=str(directory),
            device="cpu",
            dtype=torch.float32,
            top_k=None,
        )
        cut = {"truncation": True, "max_length": 256}

        def one_by_one(some: Sequence[str]) -> list[Any]:
            return [pipe(text, **cut) for text in some]

        def in_batches(some: Sequence[str]) -> Any:
            return pipe(list(some), batch_size=32, **cut)

        one_by_one(texts[:20])
        start = time.perf_counter()
        answers = one_by_one(texts)
        single = len(texts) / (time.perf_counter() - start)
        in_batches(texts[:64])
        batched = rate(in_batches, texts, 2)
    said = []
    for answer in answers:
        rows = answer[0] if isinstance(answer[0], list) else answer
        by_label = {row["label"]: row["score"] for row in rows}
        said.append(Probabilities(*(by_label[label] for label in LABELS)))
    return Measured(single, latency_ms(one_by_one, texts), said), batched


def peak_flops(way: Way) -> float:
    """Return the multiply-adds a second, counted as two, of the best of some plain products."""
    best = 0.0
    for rows, inner, columns in ((2048, 384, 1536), (2048, 2048, 2048)):
        a = torch.randn(rows, inner).to(way.device, way.dtype)
        b = torch.randn(inner, columns).to(way.device, way.dtype)
        for _ in range(20):
            start = time.perf_counter()
            product = a @ b
            if way.device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * rows * inner * columns / (time.perf_counter() - start))
        del product
    return best


def flops_done(config: dict[str, Any], lengths: Sequence[int]) -> float:
    """Return the arithmetic that the packed way does for texts of these token counts."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    layers = config["num_hidden_layers"]
    tokens, texts = sum(lengths), len(lengths)
    pairs = sum(length * length for length in lengths)
    full = 2 * (4 * hidden * hidden + 2 * hidden * inner) * tokens + 4 * hidden * pairs
    # The last layer: keys, values and queries for all tokens, the rest for the first one.
    last = 2 * 3 * hidden * hidden * tokens + 4 * hidden * tokens
    last += 2 * (hidden * hidden + 2 * hidden * inner) * texts
    return float((layers - 1) * full + last + 2 * hidden * hidden * texts)


def macro_recall(said: Sequence[Probabilities], labels: Sequence[int]) -> float:
    """Return the mean over the classes of the share that was recognised, in per cent."""
    recalls = []
    for number, name in enumerate(LABELS):
        of_class = [s for s, label in zip(said, labels, strict=True) if label == number]
        recalls.append(sum(s.label == name for s in of_class) / len(of_class))
    return 100 * statistics.mean(recalls)


def within(said: Sequence[Probabilities], reference: Sequence[Probabilities]) -> float:
    """Return the share of scores within the tolerance of their reference."""
    near = [
        abs(a.score - b.score) <= backends.SCORE_TOLERANCE
        for a, b in zip(said, reference, strict=True)
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
    console = Console(stderr=False, highlight=False)
    torch.set_num_threads(options.threads)
    texts, labels = read(options.input) if options.input else (generate(), None)
    source = options.input or "generated texts"
    console.print(f"{len(texts)} texts ({source}), {options.threads} threads, {platform.machine()}")

    chosen = load_local(str(options.model), options.threads)
    chosen_name = chosen.name
    config = json.loads((options.model / "config.json").read_text())
    chosen.close()
    ways = {way.name: way for way in backends.offered()}
    measured: dict[str, Measured] = {}
    for name, way in ways.items():
        classifier = load_local(str(options.model), options.threads, way)
        measured[name] = measure(classifier, texts)
        classifier.close()
    # The pipeline is given what our tokenizer is given, and is not charged for the preparation.
    prepared = [prepare(text, normaliser(config)) for text in texts]
    lengths = [len(ids) for ids in Encoder(options.model / "tokenizer.json", "model")(prepared)]
    single, batched = measure_pipeline(options.model, prepared)

    table = Table("way", "texts/s", "vs one by one", "vs batch 32", "alone ms", "within 0.02")
    table.add_row(
        "pipeline, one by one", f"{single.per_second:.0f}", "1.0", "", f"{single.single_ms:.1f}", ""
    )
    table.add_row("pipeline, batch 32", f"{batched:.0f}", "", "1.0", "", "")
    figures: dict[str, Any] = {}
    reference = measured[backends.FP32.name].said
    for name, one in measured.items():
        share = flops_done(config, lengths) * one.per_second / len(texts) / peak_flops(ways[name])
        near = within(one.said, reference)
        table.add_row(
            name,
            f"{one.per_second:.0f}",
            f"{one.per_second / single.per_second:.1f}",
            f"{one.per_second / batched:.1f}",
            f"{one.single_ms:.1f}",
            f"{near:.4f}",
        )
        console.print(f"{name}: {share:.0%} of the processor's matrix-multiply peak")
        if f"({name})" in chosen_name:
            drop = (
                macro_recall(reference, labels) - macro_recall(one.said, labels) if labels else None
            )
            figures = {
                "vs_single": round(one.per_second / single.per_second, 2),
                "vs_batch32": round(one.per_second / batched, 2),
                "share_of_peak": round(share, 3),
                "within_0_02": round(near, 4),
                "recall_drop": None if drop is None else round(drop, 2),
                "single_ms": round(one.single_ms, 2),
                "backend": name,
            }
    worst = max(abs(a.score - b.score) for a, b in zip(reference, single.said, strict=True))
    console.print(table)
    console.print(f"largest difference of a score, packed fp32 from the library: {worst:.1e}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

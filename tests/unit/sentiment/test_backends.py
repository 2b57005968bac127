"""Every backend agrees with the library, and a score does not depend on the rest of the batch."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from feedback_app.sentiment import compute_backends as backends
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.compute_backends import Backend
from feedback_app.sentiment.local import LocalClassifier
from feedback_app.sentiment.model_files import BUNDLED, load_local
from feedback_app.sentiment.prepare import MAX_TOKENS

from .model_files import texts

BACKENDS = backends.available()
UNUSUAL = [
    "",
    "\0\0\0",
    "😀" * 50,
    "x" * 100_000,
    "the " * 25_000,
    "\ud83d",
    "\ud83d\ude00",
    " \n\t",
]
UNUSUAL += ["C:\\udata \\uDEAD", '"\\ud83d\\ude21"']


def scores(results: Sequence[Probabilities]) -> list[float]:
    return [result.score for result in results]


def library_probabilities(directory: Path, sample: Sequence[str]) -> list[list[float]]:
    """Return the library's softmax of each text alone, in fp32, in the model's own order."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory, dtype=torch.float32)
    rows = []
    with torch.inference_mode():
        for text in sample:
            given = tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS)
            rows.append(torch.softmax(model.eval()(**given).logits, -1)[0].tolist())
    return rows


def in_batches(classifier: LocalClassifier, sample: Sequence[str]) -> list[float]:
    return [
        score
        for start in range(0, len(sample), 64)
        for score in scores(classifier.score(sample[start : start + 64]))
    ]


def test_packed_fp32_agrees_with_the_library(small_bert: Path) -> None:
    sample = [*texts(150), "the " * 400, "", "unknown ♥ words"]
    classifier = load_local(str(small_bert), 1, backends.FP32)
    expected = library_probabilities(small_bert, sample)
    for result, (positive, negative, neutral) in zip(
        classifier.score(sample), expected, strict=True
    ):
        assert result == pytest.approx((negative, neutral, positive), abs=1e-5)
    classifier.close()


def test_the_fallback_agrees_with_the_library(small_distilbert: Path) -> None:
    sample = [*texts(40), ""]
    classifier = load_local(str(small_distilbert), 1)
    assert "transformers fp32" in classifier.name
    for result, (negative, positive) in zip(
        classifier.score(sample), library_probabilities(small_distilbert, sample), strict=True
    ):
        assert result == pytest.approx((negative, 0.0, positive), abs=1e-5)
    classifier.close()


@pytest.mark.timeout(600)  # thousands of texts, on shared cores
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_a_score_does_not_depend_on_the_rest_of_the_batch(backend: Backend) -> None:
    sample = texts(500)
    classifier = load_local(None, None, backend)
    alone = [classifier.score([text])[0].score for text in sample]
    assert max(alone) - min(alone) > 0.3
    order = list(range(len(sample)))
    Random(3).shuffle(order)
    shuffled = in_batches(classifier, [sample[position] for position in order])
    for others in (
        in_batches(classifier, sample),
        [score for _, score in sorted(zip(order, shuffled, strict=True))],
        scores(classifier.score(sample)),
    ):
        assert others == pytest.approx(alone, abs=0.005)
    classifier.close()


def test_a_score_of_the_fallback_does_not_depend_on_the_batch(small_distilbert: Path) -> None:
    sample = texts(200)
    classifier = load_local(str(small_distilbert), 1)
    alone = [classifier.score([text])[0].score for text in sample]
    assert max(alone) - min(alone) > 0.1
    assert in_batches(classifier, sample) == pytest.approx(alone, abs=0.005)
    classifier.close()


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_every_backend_reproduces_the_fp32_scores(backend: Backend) -> None:
    sample = texts(300)
    plain = load_local(None, None, backends.FP32)
    other = load_local(None, None, backend)
    reference = torch.tensor(scores(plain.score(sample)))
    assert backends.within_tolerance(torch.tensor(scores(other.score(sample))), reference)
    plain.close()
    other.close()


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_unusual_texts_are_scored_and_affect_no_others(backend: Backend) -> None:
    plain = texts(20)
    classifier = load_local(None, None, backend)
    results = classifier.score([*UNUSUAL, *plain])
    assert len(results) == len(UNUSUAL) + len(plain)
    assert all(0 <= result.score <= 1 for result in results)
    assert scores(results[len(UNUSUAL) :]) == pytest.approx(
        scores(classifier.score(plain)), abs=0.005
    )
    classifier.close()


def test_the_fallback_scores_unusual_texts(small_distilbert: Path) -> None:
    classifier = load_local(str(small_distilbert), 1)
    assert len(classifier.score(UNUSUAL)) == len(UNUSUAL)
    classifier.close()


def test_99_percent_of_scores_must_be_within_tolerance() -> None:
    reference = torch.linspace(0, 1, 100)
    one_off, two_off = reference.clone(), reference.clone()
    one_off[0] += 0.5
    two_off[:2] += 0.5
    assert backends.within_tolerance(one_off, reference)
    assert not backends.within_tolerance(two_off, reference)


def test_the_name_includes_the_chosen_backend() -> None:
    classifier = load_local(None)
    assert classifier.name in [f"bundled ({backend.name})" for backend in BACKENDS]
    assert classifier.languages == frozenset({"en"})
    classifier.close()


def test_the_bundled_model_exists_and_is_small() -> None:
    assert (BUNDLED / "model.safetensors").stat().st_size < 30_000_000


def test_building_a_backend_does_not_modify_the_weights(small_bert: Path) -> None:
    config = json.loads((small_bert / "config.json").read_text())
    # float32, as most models are stored, so that the backend uses the tensors without a copy.
    weights = {
        name: tensor.float() for name, tensor in load_file(small_bert / "model.safetensors").items()
    }
    first = backends.build(backends.FP32, weights, config)
    before = first([[2, 7, 9, 3]])
    assert torch.equal(backends.build(backends.FP32, weights, config)([[2, 7, 9, 3]]), before)
    assert torch.equal(first([[2, 7, 9, 3]]), before)


def test_a_backend_that_fails_is_skipped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def build(backend: Backend, weights: object, config: object) -> Callable[..., torch.Tensor]:
        if backend is backends.CUDA:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB.")
        return lambda sample: torch.tensor([[0.5, 0.5]] * len(sample))

    monkeypatch.setattr(backends, "build", build)
    monkeypatch.setattr(
        backends, "available", lambda: [backends.FP32, backends.BF16, backends.CUDA]
    )
    backend, _ = backends.choose({}, {}, torch.tensor([0.0, 1.0]), [[1], [2]])
    assert backend is backends.BF16
    assert caplog.messages == [
        "packed fp16 on CUDA does not work here and is not used: CUDA out of memory."
    ]


@pytest.mark.parametrize("error", [0.0, 0.1])
def test_a_faster_backend_is_chosen_only_if_its_scores_are_within_tolerance(
    error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Inexact:
        """A fake model whose scores are off by `error`, except on fp32."""

        def __init__(self, backend: Backend) -> None:
            self.shift = 0.0 if backend is backends.FP32 else error

        def __call__(self, sample: Sequence[Sequence[int]]) -> torch.Tensor:
            return torch.tensor([[0.5 - self.shift, 0.5 + self.shift]] * len(sample))

    def build(backend: Backend, weights: object, config: object) -> Inexact:
        return Inexact(backend)

    monkeypatch.setattr(backends, "build", build)
    monkeypatch.setattr(backends, "available", lambda: [backends.FP32, backends.BF16])
    backend, _ = backends.choose({}, {}, torch.tensor([0.0, 1.0]), [[1], [2]])
    assert backend is (backends.FP32 if error else backends.BF16)

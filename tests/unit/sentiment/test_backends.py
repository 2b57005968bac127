"""Every way of computing agrees with the library, and no text depends on its company."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from feedback_app.sentiment import backends
from feedback_app.sentiment.backends import Backend
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.loading import BUNDLED, load_local
from feedback_app.sentiment.local import LocalClassifier
from feedback_app.sentiment.prepare import MAX_TOKENS

from .model_files import texts

BACKENDS = backends.offered()
ODD = ["", "\0\0\0", "😀" * 50, "x" * 100_000, "the " * 25_000, "\ud83d", "\ud83d\ude00", " \n\t"]
ODD += ["C:\\udata \\uDEAD", '"\\ud83d\\ude21"']


def scores(said: Sequence[Probabilities]) -> list[float]:
    return [one.score for one in said]


def library_probabilities(directory: Path, some: Sequence[str]) -> list[list[float]]:
    """Return the library's softmax of each text alone, in fp32, in the model's own order."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory, dtype=torch.float32)
    rows = []
    with torch.inference_mode():
        for text in some:
            given = tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS)
            rows.append(torch.softmax(model.eval()(**given).logits, -1)[0].tolist())
    return rows


def in_batches(classifier: LocalClassifier, some: Sequence[str]) -> list[float]:
    return [
        score
        for start in range(0, len(some), 64)
        for score in scores(classifier.score(some[start : start + 64]))
    ]


def test_packed_fp32_agrees_with_the_library(small_bert: Path) -> None:
    some = [*texts(150), "the " * 400, "", "unknown ♥ words"]
    classifier = load_local(str(small_bert), 1, backends.FP32)
    expected = library_probabilities(small_bert, some)
    for said, (positive, negative, neutral) in zip(classifier.score(some), expected, strict=True):
        assert said == pytest.approx((negative, neutral, positive), abs=1e-5)
    classifier.close()


def test_the_library_way_agrees_with_the_library(small_distilbert: Path) -> None:
    some = [*texts(40), ""]
    classifier = load_local(str(small_distilbert), 1)
    assert "transformers fp32" in classifier.name
    for said, (negative, positive) in zip(
        classifier.score(some), library_probabilities(small_distilbert, some), strict=True
    ):
        assert said == pytest.approx((negative, 0.0, positive), abs=1e-5)
    classifier.close()


@pytest.mark.timeout(600)  # it computes thousands of texts, on whatever cores are left
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_a_score_does_not_depend_on_its_company(backend: Backend) -> None:
    some = texts(500)
    classifier = load_local(None, None, backend)
    alone = [classifier.score([text])[0].score for text in some]
    assert max(alone) - min(alone) > 0.3
    order = list(range(len(some)))
    Random(3).shuffle(order)
    shuffled = in_batches(classifier, [some[place] for place in order])
    for others in (
        in_batches(classifier, some),
        [score for _, score in sorted(zip(order, shuffled, strict=True))],
        scores(classifier.score(some)),
    ):
        assert others == pytest.approx(alone, abs=0.005)
    classifier.close()


def test_the_library_way_does_not_depend_on_company_either(small_distilbert: Path) -> None:
    some = texts(200)
    classifier = load_local(str(small_distilbert), 1)
    alone = [classifier.score([text])[0].score for text in some]
    assert max(alone) - min(alone) > 0.1
    assert in_batches(classifier, some) == pytest.approx(alone, abs=0.005)
    classifier.close()


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_every_way_keeps_the_scores_of_fp32(backend: Backend) -> None:
    some = texts(300)
    plain = load_local(None, None, backends.FP32)
    other = load_local(None, None, backend)
    reference = torch.tensor(scores(plain.score(some)))
    assert backends.keeps_scores(torch.tensor(scores(other.score(some))), reference)
    plain.close()
    other.close()


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_odd_texts_score_and_change_no_other(backend: Backend) -> None:
    plain = texts(20)
    classifier = load_local(None, None, backend)
    among = classifier.score([*ODD, *plain])
    assert len(among) == len(ODD) + len(plain)
    assert all(0 <= said.score <= 1 for said in among)
    assert scores(among[len(ODD) :]) == pytest.approx(scores(classifier.score(plain)), abs=0.005)
    classifier.close()


def test_odd_texts_score_by_the_library_way(small_distilbert: Path) -> None:
    classifier = load_local(str(small_distilbert), 1)
    assert len(classifier.score(ODD)) == len(ODD)
    classifier.close()


def test_scores_are_kept_only_if_nearly_all_are() -> None:
    reference = torch.linspace(0, 1, 100)
    one_off, two_off = reference.clone(), reference.clone()
    one_off[0] += 0.5
    two_off[:2] += 0.5
    assert backends.keeps_scores(one_off, reference)
    assert not backends.keeps_scores(two_off, reference)


def test_the_choice_is_said_and_is_one_that_is_offered() -> None:
    classifier = load_local(None)
    assert classifier.name in [f"bundled ({backend.name})" for backend in BACKENDS]
    assert classifier.languages == frozenset({"en"})
    classifier.close()


def test_the_bundled_model_is_there() -> None:
    assert (BUNDLED / "model.safetensors").stat().st_size < 30_000_000


def test_a_way_leaves_the_weights_that_it_is_made_of_as_they_are(small_bert: Path) -> None:
    config = json.loads((small_bert / "config.json").read_text())
    # As most models are stored: what is computed with is the very tensor of the file.
    weights = {
        name: tensor.float() for name, tensor in load_file(small_bert / "model.safetensors").items()
    }
    first = backends.build(backends.FP32, weights, config)
    before = first([[2, 7, 9, 3]])
    assert torch.equal(backends.build(backends.FP32, weights, config)([[2, 7, 9, 3]]), before)
    assert torch.equal(first([[2, 7, 9, 3]]), before)


def test_a_way_that_does_not_work_here_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def build(backend: Backend, weights: object, config: object) -> Callable[..., torch.Tensor]:
        if backend is backends.CUDA:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB.")
        return lambda sample: torch.tensor([[0.5, 0.5]] * len(sample))

    monkeypatch.setattr(backends, "build", build)
    monkeypatch.setattr(backends, "offered", lambda: [backends.FP32, backends.BF16, backends.CUDA])
    backend, _ = backends.choose({}, {}, torch.tensor([0.0, 1.0]), [[1], [2]])
    assert backend is backends.BF16
    assert caplog.messages == [
        "packed fp16 on CUDA does not work here and is not used: CUDA out of memory."
    ]


@pytest.mark.parametrize("error", [0.0, 0.1])
def test_a_faster_way_is_chosen_only_if_it_keeps_the_scores(
    error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Off:
        """Stands for a model whose scores are off by the error of its way."""

        def __init__(self, backend: Backend) -> None:
            self.shift = 0.0 if backend is backends.FP32 else error

        def __call__(self, sample: Sequence[Sequence[int]]) -> torch.Tensor:
            return torch.tensor([[0.5 - self.shift, 0.5 + self.shift]] * len(sample))

    def build(backend: Backend, weights: object, config: object) -> Off:
        return Off(backend)

    monkeypatch.setattr(backends, "build", build)
    monkeypatch.setattr(backends, "offered", lambda: [backends.FP32, backends.BF16])
    backend, _ = backends.choose({}, {}, torch.tensor([0.0, 1.0]), [[1], [2]])
    assert backend is (backends.FP32 if error else backends.BF16)

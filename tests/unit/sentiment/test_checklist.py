"""The bundled model on a checklist of typical cases."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_app.sentiment import backends
from feedback_app.sentiment.checkpoint import load_local
from feedback_app.sentiment.classifier import Probabilities

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("checklist.jsonl").read_text(encoding="utf-8").splitlines()
]

OUTCOMES: dict[str, Callable[[Probabilities], bool]] = {
    "negative alert": lambda result: result.score < 0.3,
    "leaning negative": lambda result: result.score < 0.5,
    "not negative alert": lambda result: result.score >= 0.3,
    "no alert": lambda result: 0.3 <= result.score <= 0.9,
    "not positive alert": lambda result: result.score <= 0.9,
    "positive": lambda result: result.label == "positive",
}

MUST_ALL_PASS = {"plain complaint", "plain praise", "plain neutral question"}
FLOOR = 0.9


@pytest.fixture(scope="module", params=backends.available(), ids=lambda backend: backend.name)
def failures(request: pytest.FixtureRequest) -> list[str]:
    """Return `category: expected, got: text` of each failed case, per backend."""
    classifier = load_local(backend=request.param)
    results = classifier.score([case["text"] for case in CASES])
    classifier.close()
    return [
        f"{case['category']}: {case['expect']}, got {result.score:.2f}: {case['text']!r}"
        for case, result in zip(CASES, results, strict=True)
        if not OUTCOMES[case["expect"]](result)
    ]


def test_there_are_enough_cases_of_every_category() -> None:
    kinds = Counter(case["category"] for case in CASES)
    assert len(CASES) >= 150
    assert len({case["text"] for case in CASES}) == len(CASES)
    assert min(kinds.values()) >= 5
    assert kinds.keys() >= MUST_ALL_PASS


def test_no_failure_in_the_categories_that_must_pass(failures: list[str]) -> None:
    assert [line for line in failures if line.split(":")[0] in MUST_ALL_PASS] == []


def test_the_pass_rate(failures: list[str]) -> None:
    assert len(failures) <= (1 - FLOOR) * len(CASES), "\n".join(failures)

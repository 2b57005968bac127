"""Mapping the classes of other models to sentiment."""

from typing import Any

import pytest

from feedback_app.sentiment.classifier import ModelError
from feedback_app.sentiment.labels import NEGATIVE, NEUTRAL, POSITIVE, read_labels


def config(*labels: str, **more: Any) -> dict[str, Any]:
    return {"id2label": {str(index): label for index, label in enumerate(labels)}, **more}


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("negative", "neutral", "positive"), [NEGATIVE, NEUTRAL, POSITIVE]),
        (("Positive", "NEGATIVE", "Neutral"), [POSITIVE, NEGATIVE, NEUTRAL]),
        (("NEG", "NEU", "POS"), [NEGATIVE, NEUTRAL, POSITIVE]),
        (("NEGATIVE", "POSITIVE"), [NEGATIVE, POSITIVE]),
        (("positive", "negative"), [POSITIVE, NEGATIVE]),
        (
            ("1 star", "2 stars", "3 stars", "4 stars", "5 stars"),
            [NEGATIVE, NEGATIVE, NEUTRAL, POSITIVE, POSITIVE],
        ),
        (
            ("5 stars", "4 stars", "3 stars", "2 stars", "1 star"),
            [POSITIVE, POSITIVE, NEUTRAL, NEGATIVE, NEGATIVE],
        ),
        (
            ("Very Negative", "Negative", "Neutral", "Positive", "very_positive"),
            [NEGATIVE, NEGATIVE, NEUTRAL, POSITIVE, POSITIVE],
        ),
    ],
)
def test_labels_map_to_classes(labels: tuple[str, ...], classes: list[int]) -> None:
    assert read_labels(config(*labels), "some/model") == classes


def test_numbered_labels_of_a_known_model() -> None:
    given = config("LABEL_0", "LABEL_1", "LABEL_2")
    known = "cardiffnlp/twitter-roberta-base-sentiment"
    assert read_labels(given, known) == [NEGATIVE, NEUTRAL, POSITIVE]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (config("LABEL_0", "LABEL_1", "LABEL_2"), "cannot tell what the classes 'LABEL_0'"),
        (config("joy", "anger", "neutral"), "'joy', 'anger'"),
        (config("negative", "neutral"), "its 2 classes"),
        (config("negative", "negative", "positive"), "its 3 classes"),
        (config("positive"), "its 1 classes"),
        (config("1 star", "2 stars", "3 stars"), "its 3 classes"),
        (config("negative", "positive", problem_type="multi_label_classification"), "problem_type"),
        ({}, "no id2label"),
        ({"id2label": {"a": "negative", "b": "positive"}}, "not numbers"),
        ({"id2label": {"1": "negative", "2": "positive"}}, "from 0"),
    ],
)
def test_unusable_labels_are_one_clear_line(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_labels(given, "some/model")
    assert words in str(caught.value)
    assert str(caught.value).startswith("model some/model: ")
    assert "\n" not in str(caught.value)

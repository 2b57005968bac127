"""The hashing classifier."""

import math

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sentiment.classifier import Classifier
from feedback_app.sentiment.hashing import HashingClassifier


@given(st.lists(st.text(alphabet=st.characters()), max_size=20))
def test_a_score_does_not_depend_on_the_batch(texts: list[str]) -> None:
    classifier: Classifier = HashingClassifier()
    together = classifier.score(texts)
    assert together == [classifier.score([text])[0] for text in texts]
    for result in together:
        assert math.isclose(sum(result), 1.0)
        assert min(result) > 0


def test_scores_are_the_same_on_every_machine_and_reach_both_alerts() -> None:
    classifier = HashingClassifier()
    assert classifier.score(["fixed"])[0].score == 0.46895031583210667
    scores = [result.score for result in classifier.score([str(number) for number in range(2000)])]
    assert min(scores) < 0.3
    assert max(scores) > 0.9

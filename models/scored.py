"""ScoredFeedback: a feedback with its sentiment, on the topic `scored`."""

from types import NoneType
from typing import Any, Self

from models.feedback import Feedback
from models.wire import InvalidRecord, Wire, check_types, check_version


class ScoredFeedback(Wire):
    """A feedback with the classifier's result.

    `score` is P(positive) + P(neutral) / 2: 0 negative, 0.5 neutral, 1 positive. `score`, `label`
    and `probabilities` are null for deletions and for text that was not scored because the model
    cannot read its language. `partition` and `offset` name the raw record, so that a repeated read
    is recognised. `first`: no earlier revision of this id was known.
    """

    VERSION = 1

    feedback: Feedback
    score: float | None = None
    label: str | None = None
    probabilities: dict[str, float] | None = None
    model: str | None = None
    scored_at: str | None = None
    partition: int = -1
    offset: int = -1
    first: bool = True
    version: int = 1

    @classmethod
    def read(cls, data: dict[str, Any], key: bytes | None = None) -> Self:
        """Return the record of a JSON object; raises InvalidRecord."""
        check_version(data, cls.VERSION)
        inner = data.get("feedback")
        if not isinstance(inner, dict):
            raise InvalidRecord("no feedback in it")
        score = data.get("score")
        if not isinstance(score, (int, float, NoneType)) or isinstance(score, bool):
            raise InvalidRecord(f"score is not a number: {score!r}")
        check_types(cls, data)
        fields = cls.with_defaults(data)
        fields["feedback"], fields["version"] = Feedback.read(inner, key), cls.VERSION
        return cls.build(fields)

"""ScoredFeedback: a feedback with its sentiment, on the topic `scored`."""

from typing import Any, Self

from models.feedback import Feedback
from models.wire import InvalidRecord, Wire, check_types, check_version


class ScoredFeedback(Wire):
    """A feedback and what the classifier says of it.

    `score` is P(positive) + P(neutral) / 2: 0 negative, 0.5 neutral, 1 positive. It, `label` and
    `probabilities` are null for what was not scored (a language the model cannot read) and for
    deletions. `partition` and `offset` name the raw record, so that one read again is recognised;
    `first` says that no earlier revision of this id was known.
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
        if not isinstance(score, int | float | None) or isinstance(score, bool):
            raise InvalidRecord(f"score is not a number: {score!r}")
        check_types(cls, data)
        return cls.build(
            {
                "feedback": Feedback.read(inner, key),
                "score": score,
                "label": data.get("label"),
                "probabilities": data.get("probabilities"),
                "model": data.get("model"),
                "scored_at": data.get("scored_at"),
                "partition": data.get("partition", -1),
                "offset": data.get("offset", -1),
                "first": data.get("first", True),
                "version": cls.VERSION,
            }
        )

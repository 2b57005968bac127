"""The interface between the pipeline and a classifier: a local model or a service."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

Label = Literal["negative", "neutral", "positive"]


class Probabilities(NamedTuple):
    """Class probabilities of one text; they sum to 1."""

    negative: float
    neutral: float
    positive: float

    @property
    def score(self) -> float:
        """From 0 (negative) over 0.5 (neutral) to 1 (positive)."""
        return min(1.0, max(0.0, self.positive + self.neutral / 2))

    @property
    def label(self) -> Label:
        """The most probable class; ties go to neutral, then to positive."""
        if self.neutral >= max(self.negative, self.positive):
            return "neutral"
        return "negative" if self.negative > self.positive else "positive"


class TaggedText(str):
    """A text tagged with its language, for classifiers that use it."""

    __slots__ = ("language",)

    language: str
    """ISO 639-1 code."""

    def __new__(cls, text: str, language: str) -> "TaggedText":
        """Return the tagged text, usable as a plain string."""
        tagged = super().__new__(cls, text)
        tagged.language = language
        return tagged


class ModelError(Exception):
    """The model is misconfigured; the message is one line that says what to change."""


class ClassifierUnavailable(Exception):
    """The scoring service is unreachable or throttling: a transient error, to be retried."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait as requested by the service; None if it gave none."""


class TextsRefused(Exception):
    """The classifier permanently refused some texts; the rest of the call has results."""

    def __init__(self, results: Sequence[Probabilities | None], reasons: Mapping[int, str]) -> None:
        first = next(iter(reasons.items()))
        super().__init__(
            f"{len(reasons)} of {len(results)} texts refused; text {first[0]}: {first[1]}"
        )
        self.results = list(results)
        """In input order; None where the text was refused."""
        self.reasons = dict(reasons)
        """Position in the call -> the classifier's reason."""


@runtime_checkable
class Classifier(Protocol):
    """Scores texts. Called from one thread at a time, not necessarily the creating thread."""

    @property
    def name(self) -> str:
        """Model and backend, as shown in records and on the page."""

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that it can score; None means any."""

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text, in input order. Blocks; accepts any string.

        A text may be a `TaggedText`, which carries its language.

        Raises:
            ClassifierUnavailable: the service is unreachable; the call can be retried.
            TextsRefused: some texts are permanently refused; carries the other results.
        """

    def close(self) -> None:
        """Release threads and connections; no call may follow."""

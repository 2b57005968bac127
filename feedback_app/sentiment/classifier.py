"""The seam between the pipeline and whatever scores a text: a local model or a service."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

Label = Literal["negative", "neutral", "positive"]


class Probabilities(NamedTuple):
    """How likely each class is for one text; the three add up to 1."""

    negative: float
    neutral: float
    positive: float

    @property
    def score(self) -> float:
        """From 0 (negative) over 0.5 (neutral) to 1 (positive)."""
        return min(1.0, max(0.0, self.positive + self.neutral / 2))

    @property
    def label(self) -> Label:
        """The most probable class; of equal ones, the less alarming (neutral first)."""
        if self.neutral >= max(self.negative, self.positive):
            return "neutral"
        return "negative" if self.negative > self.positive else "positive"


class Said(str):
    """A text whose language is known, for a classifier that asks for it."""

    __slots__ = ("language",)

    language: str
    """ISO 639-1 code."""

    def __new__(cls, text: str, language: str) -> "Said":
        """Return the text, to be used as any other."""
        said = super().__new__(cls, text)
        said.language = language
        return said


class ModelError(Exception):
    """The model is configured wrongly; the message is one line that says what to change."""


class ClassifierUnavailable(Exception):
    """A service that scores is out of reach or asks to wait: an outside fault, to be waited out."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the service asked to wait, or None if it did not say."""


class TextsRefused(Exception):
    """The classifier refused single texts for good; the others of the call have their results."""

    def __init__(self, results: Sequence[Probabilities | None], reasons: Mapping[int, str]) -> None:
        first = next(iter(reasons.items()))
        super().__init__(
            f"{len(reasons)} of {len(results)} texts refused; text {first[0]}: {first[1]}"
        )
        self.results = list(results)
        """In input order; None where the text was refused."""
        self.reasons = dict(reasons)
        """Position in the call -> what the classifier said."""


@runtime_checkable
class Classifier(Protocol):
    """Scores texts. Called from one thread at a time, which need not be the one that made it."""

    @property
    def name(self) -> str:
        """Model and way of computing, as records and pages show it."""

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that it can score; None means any."""

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result a text, in input order. Blocks; any string is accepted.

        A text may be a `Said`, which says what language it is in.

        Raises:
            ClassifierUnavailable: a service is out of reach; the same call may pass later.
            TextsRefused: some texts will never pass; carries the results of the rest.
        """

    def close(self) -> None:
        """Free threads and connections; no call may follow."""

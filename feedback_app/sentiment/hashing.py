"""Scores derived from a digest of the text: for soak tests and benchmarks of the pipeline."""

from collections.abc import Sequence
from hashlib import blake2b

from feedback_app.sentiment.classifier import Probabilities

_SIZE = 6


class HashingClassifier:
    """Returns the same meaningless probabilities for a text on every machine, without a model."""

    name = "hashing"
    languages: frozenset[str] | None = None

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text, in input order."""
        return [_probabilities(text) for text in texts]

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _probabilities(text: str) -> Probabilities:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()
    shares = [1 + int.from_bytes(digest[start : start + 2]) for start in range(0, _SIZE, 2)]
    return Probabilities(*(share / sum(shares) for share in shares))

"""The process's scorer before and after it is loaded."""

import gc
from collections.abc import Sequence

from feedback_app.hop.errors import TransientError
from feedback_app.sentiment.choose import load_scorer
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.scorer import Scorer
from feedback_app.settings import Settings

COLLECT_AFTER = 20_000
"""Objects between two collections of the young ones: a batch makes thousands, hardly any cycles."""


class LazyScorer:
    """Stands for the scorer while the worker starts: who asks too early is told to wait."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scorer: Scorer | None = None

    def load(self) -> None:
        """Load the classifier; blocks. Raises ModelError."""
        self._scorer = load_scorer(self._settings)
        # What is there by now stays: no collection walks torch and its kin again.
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER, 10, 10)

    @property
    def loaded(self) -> bool:
        """Whether it can score."""
        return self._scorer is not None

    @property
    def name(self) -> str:
        """Model and way of computing."""
        return "" if self._scorer is None else self._scorer.name

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that the model can score; None means any."""
        return None if self._scorer is None else self._scorer.languages

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result a text; raises OutsideFault until the model is loaded."""
        if self._scorer is None:
            raise TransientError("model", "the model is being loaded")
        return await self._scorer.score(texts)

    def close(self) -> None:
        """End its threads."""
        if self._scorer is not None:
            self._scorer.close()

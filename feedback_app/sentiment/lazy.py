"""A scorer that can be passed around before its model is loaded."""

import gc
from collections.abc import Sequence

from feedback_app.hop.errors import TransientError
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.model_choice import load_scorer
from feedback_app.sentiment.scorer import Scorer
from feedback_app.settings import Settings

GC_THRESHOLD = 20_000
"""Generation-0 threshold of gc: a batch makes thousands of objects, hardly any cycles."""


class LazyScorer:
    """A scorer that raises TransientError until its model is loaded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scorer: Scorer | None = None

    def load(self) -> None:
        """Load the classifier; blocks. Raises ModelError."""
        self._scorer = load_scorer(self._settings)
        # Long-lived objects (torch and its dependencies) are excluded from later collections.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 10, 10)

    @property
    def loaded(self) -> bool:
        """Whether the model is loaded."""
        return self._scorer is not None

    @property
    def name(self) -> str:
        """Model and backend; empty until loaded."""
        return "" if self._scorer is None else self._scorer.name

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that the model can score; None means any."""
        return None if self._scorer is None else self._scorer.languages

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text; raises TransientError until the model is loaded."""
        if self._scorer is None:
            raise TransientError("model", "the model is being loaded")
        return await self._scorer.score(texts)

    def close(self) -> None:
        """Stop its threads."""
        if self._scorer is not None:
            self._scorer.close()

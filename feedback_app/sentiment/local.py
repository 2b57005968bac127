"""A `Classifier` that runs a model in this process."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from feedback_app.sentiment.batching import batches
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.prepare import Normalise, prepare

Encode = Callable[[Sequence[str]], list[list[int]]]
Forward = Callable[[Sequence[Sequence[int]]], Tensor]

_WINDOW = 1024
"""Texts tokenised at a time, while the model runs on the previous window."""


class LocalClassifier:
    """Tokenises, runs the model batch by batch and maps its classes to three."""

    def __init__(
        self,
        name: str,
        languages: frozenset[str] | None,
        encode: Encode,
        forward: Forward,
        classes: Sequence[int],
        threads: Callable[[], int],
        normalise: Normalise | None = None,
    ) -> None:
        """Assemble a classifier from its parts.

        Args:
            name: see `Classifier.name`.
            languages: see `Classifier.languages`.
            encode: texts to token ids.
            forward: token ids, sorted by length, to probabilities (texts, outputs).
            classes: the sentiment class (0 to 2) of each output.
            threads: returns torch's thread count, read before each call.
            normalise: applied to each text before tokenisation, if given.
        """
        self.name = name
        self.languages = languages
        self._encode = encode
        self._forward = forward
        self._fold = torch.nn.functional.one_hot(torch.tensor(classes), 3).float()
        self._threads = threads
        self._normalise = normalise
        self._tokenising = ThreadPoolExecutor(1, thread_name_prefix="tokenise")

    def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result per text, in input order."""
        if (threads := self._threads()) != torch.get_num_threads():
            torch.set_num_threads(threads)
        # Sort by characters, which approximates tokens, so that a window holds similar lengths.
        order = sorted(range(len(texts)), key=lambda position: len(texts[position]))
        windows = [order[start : start + _WINDOW] for start in range(0, len(order), _WINDOW)]
        results: list[Probabilities | None] = [None] * len(texts)
        ids = self._tokenise(texts, windows[0]) if windows else []
        for number, window in enumerate(windows):
            next_ids = None
            if number + 1 < len(windows):
                next_ids = self._tokenising.submit(self._tokenise, texts, windows[number + 1])
            for batch in batches([len(text) for text in ids]):
                rows = self._forward([ids[position] for position in batch]) @ self._fold
                for position, row in zip(batch, rows.tolist(), strict=True):
                    results[window[position]] = Probabilities(*row)
            ids = next_ids.result() if next_ids else []
        return [result for result in results if result is not None]

    def _tokenise(self, texts: Sequence[str], window: Sequence[int]) -> list[list[int]]:
        return self._encode([prepare(texts[position], self._normalise) for position in window])

    def close(self) -> None:
        """Stop the tokenising thread."""
        self._tokenising.shutdown()

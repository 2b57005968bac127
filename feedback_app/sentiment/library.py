"""Fallback for other architectures: the transformers library, in fp32 and without padding."""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from struct import error as StructError

import torch
from safetensors import SafetensorError
from torch import Tensor

from feedback_app.sentiment.batching import run_lengths
from feedback_app.sentiment.classifier import ModelError
from feedback_app.sentiment.prepare import MAX_TOKENS

_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    ImportError,
    RuntimeError,
    EOFError,
    SafetensorError,
    UnpicklingError,
    StructError,
)


class LibraryModel:
    """Tokenizer and model of a directory, loaded with `from_pretrained`."""

    def __init__(self, directory: Path, device: str = "cpu") -> None:
        """Load both.

        Raises:
            ModelError: the directory does not hold a classifier that the library can load.
        """
        # Slow to import, and not needed for the bundled model.
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(directory)
            model, loading_info = AutoModelForSequenceClassification.from_pretrained(
                directory, dtype=torch.float32, output_loading_info=True
            )
        except _UNREADABLE as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ModelError(f"model {directory} does not load: {reason}") from error
        if missing := sorted(loading_info["missing_keys"]):
            # The library would initialise them randomly, differently in every worker.
            raise ModelError(
                f"model {directory} is not a trained classifier: it lacks {', '.join(missing[:3])}"
            )
        self._model = model.eval().to(device)
        self._device = device
        # Some architectures (RoBERTa) number positions from 2.
        positions = getattr(model.config, "max_position_embeddings", None) or MAX_TOKENS + 2
        limits = MAX_TOKENS, int(self._tokenizer.model_max_length), positions - 2
        self._max_tokens = min(limits)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text with special tokens, truncated to the model's limit."""
        encoded = self._tokenizer(list(texts), truncation=True, max_length=self._max_tokens)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    @torch.inference_mode()
    def __call__(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return float32 probabilities (texts, classes), one run of equal lengths at a time."""
        outputs, start = [], 0
        for count, length in run_lengths([len(text) for text in texts]):
            ids = torch.tensor(texts[start : start + count], device=self._device)
            ids = ids.view(count, length)
            logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            outputs.append(torch.softmax(logits.float(), dim=-1).cpu())
            start += count
        return torch.cat(outputs)

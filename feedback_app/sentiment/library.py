"""Any other architecture, through the transformers library in fp32 and without padding."""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from struct import error as StructError

import torch
from safetensors import SafetensorError
from torch import Tensor

from feedback_app.sentiment.batching import runs
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
    """Tokenizer and model of a directory, as `from_pretrained` reads them."""

    def __init__(self, directory: Path, device: str = "cpu") -> None:
        """Load both.

        Raises:
            ModelError: the directory does not hold a classifier that the library can load.
        """
        # Slow to import, and not needed for the bundled model.
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(directory)
            model, told = AutoModelForSequenceClassification.from_pretrained(
                directory, dtype=torch.float32, output_loading_info=True
            )
        except _UNREADABLE as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ModelError(f"model {directory} does not load: {reason}") from error
        if missing := sorted(told["missing_keys"]):
            # The library would fill them with random numbers, in every worker others.
            raise ModelError(
                f"model {directory} is no trained classifier: it has no {', '.join(missing[:3])}"
            )
        self._model = model.eval().to(device)
        self._device = device
        # Some number their positions from 2.
        positions = getattr(model.config, "max_position_embeddings", None) or MAX_TOKENS + 2
        limits = MAX_TOKENS, int(self._tokenizer.model_max_length), positions - 2
        self._max_tokens = min(limits)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text with the special ones, cut at the model's limit."""
        encoded = self._tokenizer(list(texts), truncation=True, max_length=self._max_tokens)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    @torch.inference_mode()
    def __call__(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return the probabilities, float32 (texts, classes), a run of equal lengths at a time."""
        outputs, start = [], 0
        for count, length in runs([len(text) for text in texts]):
            ids = torch.tensor(texts[start : start + count], device=self._device)
            ids = ids.view(count, length)
            logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            outputs.append(torch.softmax(logits.float(), dim=-1).cpu())
            start += count
        return torch.cat(outputs)

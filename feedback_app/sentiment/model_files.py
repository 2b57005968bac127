"""Loads the local classifier that `FEEDBACK_MODEL` names."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from feedback_app.sentiment import compute_backends as backends
from feedback_app.sentiment.batching import batches
from feedback_app.sentiment.classifier import ModelError
from feedback_app.sentiment.cores import shared_cores
from feedback_app.sentiment.labels import read_labels
from feedback_app.sentiment.library import LibraryModel
from feedback_app.sentiment.local import LocalClassifier
from feedback_app.sentiment.packed import can_pack
from feedback_app.sentiment.prepare import MAX_TOKENS, Normalise, prepare
from feedback_app.sentiment.sample import SAMPLE

BUNDLED = Path(__file__).parent / "weights"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*(/[\w.\-]+)?")
_LONG_CODES = {"eng": "en", "deu": "de", "fra": "fr", "spa": "es", "por": "pt", "ita": "it"}
"""Three-letter codes found in model cards for languages that have a two-letter code."""
_SCORE_OF_CLASS = (0.0, 0.5, 1.0)


def load_local(
    model: str | None = None, threads: int | None = None, backend: backends.Backend | None = None
) -> LocalClassifier:
    """Load a model into this process; sets torch's thread count for the whole process.

    Args:
        model: a directory or a hub name in Hugging Face format; None is the bundled one.
        threads: computing threads; None shares the cores with other such processes.
        backend: number format and device; None selects the fastest accurate one.

    Raises:
        ModelError: the model does not exist, or cannot be used for sentiment.
    """
    count = shared_cores().threads if threads is None else lambda: threads
    torch.set_num_threads(count())
    if torch.get_num_threads() == 1:
        # Otherwise the tokenizers library dispatches every batch to a pool of one thread.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    directory = BUNDLED if model is None else find_model(model)
    name = "bundled" if model is None else model
    display_name = directory.name if model and Path(model).is_dir() else name
    config = _read_config(directory, name)
    classes = read_labels(config, name)
    languages = card_languages(directory)
    normalise = normaliser(config)
    weights = directory / "model.safetensors"
    tokenizer = directory / "tokenizer.json"
    if not (can_pack(config) and weights.is_file() and tokenizer.is_file()):
        library = LibraryModel(directory)
        label = f"{display_name} (transformers fp32)"
        return LocalClassifier(label, languages, library.encode, library, classes, count, normalise)
    positions = int(config.get("max_position_embeddings", MAX_TOKENS))
    encode = Encoder(tokenizer, name, min(MAX_TOKENS, positions))
    tensors = _read_weights(weights, name)
    try:
        if backend is not None:
            packed = backends.build(backend, tensors, config)
        else:
            ids = encode([prepare(text, normalise) for text in SAMPLE])
            ids = [ids[i] for batch in batches([len(text) for text in ids]) for i in batch]
            values = torch.tensor([_SCORE_OF_CLASS[c] for c in classes])
            backend, packed = backends.choose(tensors, config, values, ids)
    except (KeyError, RuntimeError, ValueError, IndexError) as error:
        raise ModelError(
            f"model {name}: its weights do not fit its config.json: {error}"
        ) from error
    label = f"{display_name} ({backend.name})"
    return LocalClassifier(label, languages, encode, packed, classes, count, normalise)


def find_model(model: str) -> Path:
    """Return the directory of a model, downloaded from the hub unless it is a local directory.

    Raises:
        ModelError: it is neither a local directory nor available from the hub.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if path.exists() or not HUB_NAME.fullmatch(model):
        raise ModelError(f"FEEDBACK_MODEL={model}: no such directory, and not a valid hub name")
    from huggingface_hub import snapshot_download  # slow to import, seldom needed

    wanted = ["*.json", "*.txt", "*.model", "*.codes", "README.md"]
    try:
        found = Path(snapshot_download(model, allow_patterns=[*wanted, "*.safetensors"]))
        if not any(found.glob("*.safetensors")):
            found = Path(snapshot_download(model, allow_patterns=[*wanted, "pytorch_model*.bin"]))
    except (OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"FEEDBACK_MODEL={model}: no such directory, and the hub does not provide it: {reason}"
        ) from error
    return found


def card_languages(directory: Path) -> frozenset[str] | None:
    """Return the languages listed in a model's card; English if it lists none.

    `multilingual` returns None, any language.
    """
    card = directory / "README.md"
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    field = re.search(r"^language:((?: .*)?(?:\n *- .*)*)", head[1], re.MULTILINE) if head else None
    # Keeps the primary subtag (`pt` of `pt-BR`); ignores names that are not codes (`English`).
    tags = re.findall(r"[a-z]+(?:-[a-z]+)*", field[1].lower()) if field else []
    codes = {tag.partition("-")[0] for tag in tags}
    known = frozenset(_LONG_CODES.get(code, code) for code in codes if len(code) <= 3)
    return None if "multilingual" in codes else known or frozenset({"en"})


class Encoder:
    """Tokenises with `tokenizer.json`, without importing transformers."""

    def __init__(self, path: Path, name: str, max_tokens: int = MAX_TOKENS) -> None:
        """Read the file; `name` is the model's name, for error messages.

        Raises:
            ModelError: the file cannot be read.
        """
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exception
            raise ModelError(f"model {name}: tokenizer.json cannot be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text with special tokens, truncated to the limit."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]


def _read_config(directory: Path, name: str) -> Mapping[str, Any]:
    path = directory / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"model {name}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"model {name}: {path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"model {name}: {path} is not a JSON object")
    return config


def _read_weights(path: Path, name: str) -> Mapping[str, torch.Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model {name}: {path} cannot be read: {error}") from error


def normaliser(config: Mapping[str, Any]) -> Normalise | None:
    """Return the text normaliser that a model with this `config.json` was trained with, if any."""
    if not config.get("feedback_normalise"):
        return None
    from feedback_app.sentiment.normalise import normalise

    return normalise

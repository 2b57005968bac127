"""Small classifiers with random weights, written as Hugging Face directories."""

import json
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

WORDS = (
    "the new update export search page is was keeps not very love hate broken fast slow again "
    "thanks please when does my team report crashed after login support answered nobody great"
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def texts(count: int, seed: int = 7) -> list[str]:
    """Return texts of 1 to 40 words, many of equal length."""
    random = Random(seed)
    words = WORDS.split()
    return [" ".join(random.choices(words, k=random.randint(1, 40))) for _ in range(count)]


def write_bert(directory: Path, labels: list[str], positions: int = 512, **changes: Any) -> Path:
    """Write a two-layer BERT in half precision; `changes` are merged into its config.json."""
    config = BertConfig(
        vocab_size=len(_vocabulary()),
        max_position_embeddings=positions,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        # Wide enough for clearly different scores.
        initializer_range=0.2,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    torch.manual_seed(0)
    model: PreTrainedModel = BertForSequenceClassification(config)  # type: ignore[no-untyped-call]
    return _write(model, directory, changes)


def write_distilbert(directory: Path, labels: list[str]) -> Path:
    """Write a DistilBERT, which only the transformers library supports."""
    config = DistilBertConfig(
        vocab_size=len(_vocabulary()),
        dim=64,
        n_layers=2,
        n_heads=4,
        hidden_dim=128,
        initializer_range=0.2,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    torch.manual_seed(0)
    return _write(DistilBertForSequenceClassification(config), directory, {})


def _write(model: PreTrainedModel, directory: Path, changes: dict[str, Any]) -> Path:
    model.half().save_pretrained(directory)  # type: ignore[no-untyped-call]
    _tokenizer().save_pretrained(directory)
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return directory


def _vocabulary() -> list[str]:
    characters = [chr(code) for code in range(33, 127)]
    pieces = [*characters, *(f"##{character}" for character in characters), *WORDS.split()]
    return [*SPECIAL, *dict.fromkeys(pieces)]


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {piece: index for index, piece in enumerate(_vocabulary())}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    cls, sep = vocabulary["[CLS]"], vocabulary["[SEP]"]
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=512,
    )

"""Cutting the vocabulary of a model."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
)

from training import vocabulary

SPECIAL = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, *"abclnopstu!語", "##a", "##s", "##o", "so", "not", "bus", "slate", "##lot"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tiny BERT directory."""
    folder = tmp_path / "source"
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    torch.manual_seed(1)
    AutoModel.from_config(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    ids = {piece: index for index, piece in enumerate(PIECES)}
    cls, sep = ids["[CLS]"], ids["[SEP]"]
    described = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": ids[piece],
                "content": piece,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [cls], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [sep], "tokens": ["[SEP]"]},
            },
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(described))
    return folder


def test_a_pruned_model_computes_the_same_for_the_pieces_it_kept(
    source: Path, tmp_path: Path
) -> None:
    kept = [piece for piece in PIECES if piece not in ("[unused0]", "bus", "語")]
    vocabulary.prune(source, tmp_path / "cut", kept, positions=12)
    text = "so not so!"
    outputs = []
    for folder in (source, tmp_path / "cut"):
        ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
        model = AutoModel.from_pretrained(folder)
        with torch.inference_mode():
            outputs.append(model(input_ids=torch.tensor([ids])).last_hidden_state)
    assert torch.equal(*outputs)


def test_a_removed_piece_is_spelled(source: Path, tmp_path: Path) -> None:
    kept = [piece for piece in PIECES if piece != "so"]
    vocabulary.prune(source, tmp_path / "cut", kept, positions=12)
    tokenizer = Tokenizer.from_file(str(tmp_path / "cut" / "tokenizer.json"))
    assert tokenizer.encode("so").tokens == ["[CLS]", "s", "##o", "[SEP]"]


def test_the_library_loads_a_pruned_directory(source: Path, tmp_path: Path) -> None:
    vocabulary.prune(source, tmp_path / "cut", PIECES, positions=12)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "cut")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "cut", num_labels=3)
    assert model(**tokenizer("so not", return_tensors="pt")).logits.shape == (1, 3)


def test_choice_keeps_spelling_wanted_and_telling_pieces_first() -> None:
    ids = {piece: index for index, piece in enumerate(PIECES)}
    counts = {ids["bus"]: [20, 20, 20], ids["not"]: [15, 1, 1], ids["so"]: [3, 3, 3]}
    fixed = sum(
        piece not in ("[unused0]", "so", "not", "bus", "slate", "##lot", "語") for piece in PIECES
    )
    kept = vocabulary.choose(ids, counts, ["slate", "absent"], size=fixed + 3)
    assert {"slate", "not", "bus", "##s", "[UNK]", "a", "!"} <= set(kept)
    assert not {"[unused0]", "語"} & set(kept)
    assert len(kept) == fixed + 3
    assert kept == sorted(kept, key=ids.__getitem__)


def test_an_even_piece_has_no_information() -> None:
    found = vocabulary.information({1: [50, 50, 50], 2: [50, 0, 0], 3: [0, 50, 50]})
    assert found[1] < 1 < found[2]

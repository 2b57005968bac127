"""Cutting the vocabulary of a model."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from training import vocabulary

from .tiny_bert import PIECES, write_tiny_bert


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tiny BERT directory."""
    return write_tiny_bert(tmp_path / "source")


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

"""Cuts a word-piece vocabulary down to what short English posts need.

Half of a small encoder's weights are its vocabulary. Pieces that go are spelled by shorter ones.
"""

import json
import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

PRODUCT_WORDS = Path(__file__).with_name("product_words.txt")
"""Words of product talk that stay, however rare they are in the training text."""

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = "embeddings.word_embeddings.weight"
_POSITIONS = "embeddings.position_embeddings.weight"
_POSITION_IDS = "embeddings.position_ids"


def _spells(piece: str) -> bool:
    """Tell whether a piece is one character of the Latin script, a digit, a mark or a symbol."""
    character = piece.removeprefix("##")
    if len(character) != 1:
        return False
    if piece.startswith("##"):
        return character.isascii()
    if character.isalpha():
        return unicodedata.name(character, "").startswith(("LATIN", "GREEK"))
    return unicodedata.category(character)[0] in "NPS"


def count(
    tokenizer: Tokenizer, texts: Sequence[str], labels: Sequence[int]
) -> dict[int, list[int]]:
    """Return how often each piece is used in the texts of each of the three classes."""
    counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for encoding, label in zip(tokenizer.encode_batch_fast(list(texts)), labels, strict=True):
        for piece in encoding.ids:
            counts[piece][label] += 1
    return dict(counts)


def information(counts: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """Return what each piece tells about the class: its uses times their divergence, in nats."""
    totals = [sum(row[label] for row in counts.values()) for label in range(3)]
    shares = [total / sum(totals) for total in totals]
    told = {}
    for piece, row in counts.items():
        # Four more uses in the usual mix, or every rare piece would look telling.
        smooth = [(row[label] + 4 * shares[label]) / (sum(row) + 4) for label in range(3)]
        divergence = sum(p * math.log(p / q) for p, q in zip(smooth, shares, strict=True))
        told[piece] = sum(row) * divergence
    return told


def choose(
    vocabulary: Mapping[str, int],
    counts: Mapping[int, Sequence[int]],
    wanted: Iterable[str],
    size: int,
) -> list[str]:
    """Return `size` pieces in the order of the old vocabulary.

    Kept first are the special ones, single characters and `wanted` words. Of the rest, four tenths
    are what tells most about the class, three tenths what the texts use most, and three tenths
    what is common in English at large: the old vocabulary is sorted by that.
    """
    kept = {piece for piece in vocabulary if piece in _SPECIAL or _spells(piece)}
    kept |= {word for word in wanted if word in vocabulary}
    told = information(counts)
    usable = [piece for piece in vocabulary if piece.isascii() and not piece.startswith("[unused")]
    usable.sort(key=vocabulary.__getitem__)
    by_information = sorted(usable, key=lambda piece: -told.get(vocabulary[piece], 0.0))
    by_use = sorted(usable, key=lambda piece: -sum(counts.get(vocabulary[piece], ())))
    room = size - len(kept)
    limits = (size - room * 6 // 10, size - room * 3 // 10, size)
    for pieces, limit in zip((by_information, by_use, usable), limits, strict=True):
        for piece in pieces:
            if len(kept) >= limit:
                break
            kept.add(piece)
    return sorted(kept, key=vocabulary.__getitem__)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def prune(source: Path, target: Path, pieces: Iterable[str], positions: int) -> None:
    """Write the model of `source` with these pieces and this many positions to `target`.

    Raises:
        KeyError: a piece is not in the vocabulary of `source`.
    """
    described: dict[str, Any] = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    old: dict[str, int] = described["model"]["vocab"]
    pieces = list(pieces)
    new = {piece: index for index, piece in enumerate(pieces)}
    described["model"]["vocab"] = new
    described["truncation"] = described["padding"] = None
    for token in described["added_tokens"]:
        token["id"] = new[token["content"]]
    for token in described["post_processor"]["special_tokens"].values():
        token["ids"] = [new[piece] for piece in token["tokens"]]

    weights = load_file(source / "model.safetensors")
    prefix = next(name.removesuffix(_WORDS) for name in weights if name.endswith(_WORDS))
    rows = [old[piece] for piece in pieces]
    weights[prefix + _WORDS] = weights[prefix + _WORDS][rows].contiguous()
    weights[prefix + _POSITIONS] = weights[prefix + _POSITIONS][:positions].contiguous()
    weights.pop(prefix + _POSITION_IDS, None)

    config: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config |= {
        "vocab_size": len(pieces),
        "max_position_embeddings": positions,
        "pad_token_id": new["[PAD]"],
    }
    config.pop("_name_or_path", None)
    target.mkdir(parents=True, exist_ok=True)
    _write_json(target / "config.json", config)
    _write_json(target / "tokenizer.json", described)
    _write_json(
        target / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizerFast",
            "do_lower_case": True,
            "model_max_length": positions,
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "mask_token": "[MASK]",
        },
    )
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})

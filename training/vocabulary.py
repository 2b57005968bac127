"""Prunes a WordPiece vocabulary to what short English posts need.

Half of a small encoder's weights are its vocabulary. Shorter pieces spell the removed ones.
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
"""Product words to keep even where the training text hardly has them."""

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = "embeddings.word_embeddings.weight"
_POSITIONS = "embeddings.position_embeddings.weight"
_POSITION_IDS = "embeddings.position_ids"


def _is_character(piece: str) -> bool:
    """Whether a piece is one Latin or Greek letter, digit, punctuation mark or symbol."""
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
    """Return the uses of each piece in the texts of each of the three classes."""
    counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for encoding, label in zip(tokenizer.encode_batch_fast(list(texts)), labels, strict=True):
        for piece in encoding.ids:
            counts[piece][label] += 1
    return dict(counts)


def information(counts: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """Return the information of each piece about the class: uses times KL divergence, in nats."""
    totals = [sum(row[label] for row in counts.values()) for label in range(3)]
    shares = [total / sum(totals) for total in totals]
    found = {}
    for piece, row in counts.items():
        # Smoothed by four uses at the average mix, or every rare piece would look informative.
        smooth = [(row[label] + 4 * shares[label]) / (sum(row) + 4) for label in range(3)]
        divergence = sum(p * math.log(p / q) for p, q in zip(smooth, shares, strict=True))
        found[piece] = sum(row) * divergence
    return found


def choose(
    vocabulary: Mapping[str, int],
    counts: Mapping[int, Sequence[int]],
    wanted: Iterable[str],
    size: int,
) -> list[str]:
    """Return `size` pieces in the order of the old vocabulary.

    Special pieces, single characters and `wanted` words stay. Of the rest, 40 % are the most
    informative about the class, 30 % the most used in the texts, and 30 % the most common in
    English, which is the order of the old vocabulary.
    """
    kept = {piece for piece in vocabulary if piece in _SPECIAL or _is_character(piece)}
    kept |= {word for word in wanted if word in vocabulary}
    by_class = information(counts)
    usable = [piece for piece in vocabulary if piece.isascii() and not piece.startswith("[unused")]
    usable.sort(key=vocabulary.__getitem__)
    by_information = sorted(usable, key=lambda piece: -by_class.get(vocabulary[piece], 0.0))
    by_use = sorted(usable, key=lambda piece: -sum(counts.get(vocabulary[piece], ())))
    free = size - len(kept)
    limits = (size - free * 6 // 10, size - free * 3 // 10, size)
    for pieces, limit in zip((by_information, by_use, usable), limits, strict=True):
        for piece in pieces:
            if len(kept) >= limit:
                break
            kept.add(piece)
    return sorted(kept, key=vocabulary.__getitem__)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def prune(source: Path, target: Path, pieces: Iterable[str], positions: int) -> None:
    """Write the model of `source` to `target` with these pieces and this many positions.

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

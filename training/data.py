"""Reads labelled text and keeps near-duplicates of validation out of training."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

OWN_WORDS = Path(__file__).with_name("own_words.jsonl")
"""Product feedback written for this project, in the format of the training data."""

_NOT_WORDS = re.compile(r"[\W_]+")


class Example(NamedTuple):
    """A text and its class: 0 negative, 1 neutral, 2 positive."""

    text: str
    label: int


def read(path: Path) -> list[Example]:
    """Return the examples of a JSON-lines file with `text` and `label`.

    Raises:
        ValueError: a line is not of that form; the message names it.
    """
    examples = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                example = Example(str(record["text"]), int(record["label"]))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: {error!r}") from error
            if example.label not in (0, 1, 2):
                raise ValueError(f"{path}, line {number}: label {example.label} is not 0, 1 or 2")
            examples.append(example)
    return examples


def skeleton(text: str) -> str:
    """Return the text folded to lower case without spaces and punctuation."""
    return _NOT_WORDS.sub("", text.casefold())


def without_near_duplicates(
    examples: Iterable[Example], held_out: Iterable[Example]
) -> list[Example]:
    """Return the examples whose skeleton is not that of one in `held_out`."""
    seen = {skeleton(example.text) for example in held_out}
    return [example for example in examples if skeleton(example.text) not in seen]


def digest(text: str) -> int:
    """Return a 63-bit digest of a text, to store in its place."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def class_shares(labels: Sequence[int]) -> list[float]:
    """Return the share of each of the three classes."""
    return [labels.count(label) / len(labels) for label in range(3)]


class Corpus(NamedTuple):
    """Training text, validation text, and our own feedback."""

    train: list[Example]
    val: list[Example]
    own: list[Example]


def corpus(folder: Path) -> Corpus:
    """Read `train.jsonl` and `val.jsonl` of a folder, without near-duplicates of validation."""
    val = read(folder / "val.jsonl")
    train = without_near_duplicates(read(folder / "train.jsonl"), val)
    return Corpus(train, val, read(OWN_WORDS))

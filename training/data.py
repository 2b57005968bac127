"""Reads labelled text and keeps the validation lines out of training."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

OWN_WORDS = Path(__file__).with_name("own_words.jsonl")
"""Product talk written for this project, in the same form as the training data."""

OWN, VAL = "own-words", "val"
"""Names of the sources that their files do not name."""

_NOT_WORDS = re.compile(r"[\W_]+")


class Example(NamedTuple):
    """A text, its class (0 negative, 1 neutral, 2 positive) and the data set that it is from."""

    text: str
    label: int
    source: str = ""


def read(path: Path, source: str = "") -> list[Example]:
    """Return the examples of a JSON-lines file with `text`, `label` and perhaps `source`.

    Args:
        path: the file.
        source: name of the source of lines that give none.

    Raises:
        ValueError: a line is not of that form; the message names it.
    """
    examples = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                example = Example(
                    str(record["text"]), int(record["label"]), str(record.get("source", source))
                )
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"{path}, line {number}: {error!r}") from error
            if example.label not in (0, 1, 2):
                raise ValueError(f"{path}, line {number}: label {example.label} is not 0, 1 or 2")
            examples.append(example)
    return examples


def skeleton(text: str) -> str:
    """Return the text without case, spaces and punctuation: equal for near-duplicates."""
    return _NOT_WORDS.sub("", text.casefold())


def without_near_duplicates(
    examples: Iterable[Example], held_out: Iterable[Example]
) -> list[Example]:
    """Return the examples that are in `held_out` not even but for case and punctuation."""
    seen = {skeleton(example.text) for example in held_out}
    return [example for example in examples if skeleton(example.text) not in seen]


def digest(text: str) -> int:
    """Return 63 bits that stand for a text where the text itself may not be stored."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def class_shares(labels: Sequence[int]) -> list[float]:
    """Return the share of each of the three classes."""
    return [labels.count(label) / len(labels) for label in range(3)]


class Corpus(NamedTuple):
    """What a run trains on and what it is tuned on."""

    train: list[Example]
    val: list[Example]
    extra_val: list[Example]
    own: list[Example]


def corpus(folder: Path) -> Corpus:
    """Read the four files of a folder; training lines that near-duplicate validation are left out.

    `train.jsonl` and `extra.jsonl` are the training text, `val.jsonl` and `extra-val.jsonl` the
    validation text.
    """
    val = read(folder / "val.jsonl", VAL)
    extra_val = read(folder / "extra-val.jsonl")
    train = read(folder / "train.jsonl") + read(folder / "extra.jsonl")
    train = without_near_duplicates(train, val + extra_val)
    return Corpus(train, val, extra_val, read(OWN_WORDS, OWN))

"""Reading labelled text and what comes of it."""

from collections import Counter
from pathlib import Path

import pytest

from training.data import (
    OWN_WORDS,
    Example,
    class_shares,
    corpus,
    digest,
    read,
    skeleton,
    without_near_duplicates,
)


def test_near_duplicates_differ_in_case_and_marks_only() -> None:
    held_out = [Example("It crashed, again!", 0)]
    kept = without_near_duplicates(
        [Example("it crashed again", 0), Example("it crashed twice", 0)], held_out
    )
    assert kept == [Example("it crashed twice", 0)]


def test_corpus_leaves_out_what_it_is_tuned_on(tmp_path: Path) -> None:
    line = '{"text": "%s", "label": 1, "source": "%s"}\n'
    (tmp_path / "train.jsonl").write_text(line % ("Hello there", "a") + line % ("one", "a"))
    (tmp_path / "val.jsonl").write_text('{"text": "hello THERE!", "label": 1}\n')
    (tmp_path / "extra.jsonl").write_text(line % ("two", "b") + line % ("Three, three.", "b"))
    (tmp_path / "extra-val.jsonl").write_text(line % ("three three", "b"))
    read_all = corpus(tmp_path)
    assert read_all.train == [Example("one", 1, "a"), Example("two", 1, "b")]
    assert read_all.val == [Example("hello THERE!", 1, "val")]
    assert read_all.extra_val == [Example("three three", 1, "b")]


@pytest.mark.parametrize("line", ["{", "[]", '{"text": "a"}', '{"text": "a", "label": 3}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "a", "label": 0}\n' + line + "\n")
    with pytest.raises(ValueError, match="line 2"):
        read(path)


def test_class_shares() -> None:
    assert class_shares([0, 1, 1, 2]) == [0.25, 0.5, 0.25]


def test_own_words_hold_every_class_evenly_and_nothing_twice() -> None:
    examples = read(OWN_WORDS)
    counts = Counter(example.label for example in examples)
    assert min(counts.values()) > 0.8 * len(examples) / 3
    assert len({skeleton(e.text) or e.text for e in examples}) > 0.99 * len(examples)


def test_a_digest_fits_a_signed_integer_and_tells_texts_apart() -> None:
    digests = {digest(f"text {number}") for number in range(1000)}
    assert len(digests) == 1000
    assert all(0 <= value < 2**63 for value in digests)

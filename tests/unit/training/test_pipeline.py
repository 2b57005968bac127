"""The whole way from a data folder to the weights directory, on a network of one small layer."""

import json
import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from training import __main__ as command
from training import data

from .tiny_bert import write_tiny_bert

SOURCES = ("semeval2016test", "airline", "se-github")
WORDS = ("not", "bus", "so")


def lines(count: int, sources: tuple[str, ...], seed: int) -> str:
    """Return labelled texts whose class is the number of a word in them."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        label = rng.randrange(3)
        words = [*rng.choices(["a", "b", "slate", "lot"], k=4), WORDS[label], f"n{number}{seed}"]
        rng.shuffle(words)
        record = {"text": " ".join(words), "label": label, "source": rng.choice(sources)}
        made.append(json.dumps(record) + "\n")
    return "".join(made)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and a command that trains a tiny network on it into `tmp_path / weights`."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_text(lines(120, SOURCES[:1], 1))
    (folder / "extra.jsonl").write_text(lines(240, SOURCES[1:], 2))
    without_source = lines(60, ("x",), 3).replace(', "source": "x"', "")
    (folder / "val.jsonl").write_text(without_source)
    (folder / "extra-val.jsonl").write_text(lines(120, SOURCES[1:], 4))
    (tmp_path / "own.jsonl").write_text(lines(30, ("own-words",), 5))
    base = write_tiny_bert(tmp_path / "source")
    monkeypatch.setattr(data, "OWN_WORDS", tmp_path / "own.jsonl")
    monkeypatch.setattr(command, "student_weights", lambda: base)
    monkeypatch.setattr(command, "WEIGHTS", tmp_path / "weights")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    given = [*arguments, "--data", str(folder), "--work", str(folder.parent / "work")]
    threads = torch.get_num_threads()
    monkeypatch.setattr("sys.argv", ["training", *given, "--threads", str(threads)])
    return command.main()


def test_one_command_goes_from_the_data_to_weights_and_card(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, folder, "leave-out", "--leave-out", "developer") == 0
    assert run(monkeypatch, folder) == 0
    weights = folder.parent / "weights"
    card = (weights / "README.md").read_text()
    for expected in (
        "final-4 (shipped)",
        "| developer | by-source |",
        "| se-github |",
        "| val |",
    ):
        assert expected in card
    assert (weights / "calibration.svg").exists()
    model = AutoModelForSequenceClassification.from_pretrained(weights)
    assert model.config.id2label == {0: "negative", 1: "neutral", 2: "positive"}
    facts = json.loads((weights / "training.json").read_text())
    assert facts["sources"]["se-github"]["used"] == facts["sources"]["se-github"]["all"]
    (left_out,) = facts["left_out"]
    assert 30 < left_out["texts"] < 120

    # A second time, nothing is trained: the runs are there.
    before = (weights / "model.safetensors").read_bytes()
    assert run(monkeypatch, folder) == 0
    assert (weights / "model.safetensors").read_bytes() == before


def test_without_data_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FEEDBACK_TRAIN_DATA", raising=False)
    monkeypatch.setattr("sys.argv", ["training"])
    assert command.main() == 2
    assert "FEEDBACK_TRAIN_DATA" in capsys.readouterr().err

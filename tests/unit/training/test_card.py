"""The model card names every run, and the shipped one is what the code renders."""

import json
from pathlib import Path

from training.card import card

WEIGHTS = Path(__file__).parents[3] / "feedback_app" / "sentiment" / "weights"


def test_the_card_names_runs_figures_and_versions() -> None:
    plan = {"seed": 7, "epochs": 3, "last": 0.5}
    run = {"name": "student-7", "plan": plan, "val_macro_recall": [0.5, 0.6125], "seconds": 90}
    facts = {
        "runs": [run],
        "others": [run | {"name": "yardstick-7"}],
        "temperature": 1.234,
        "vocabulary": 9800,
        "train_texts": 60000,
        "own_texts": 2000,
        "val_texts": 2000,
        "python": "3.11.0",
        "history": ["The teacher was\ncut short."],
        "versions": {"torch": "2.0", "transformers": "5.0", "tokenizers": "0.2"},
    }
    text = card(facts, "THE FIGURES\n")
    for expected in (
        "| student-7 (shipped) | 7 | 2.5 | 0.5000, 0.6125 | 2 |",
        "| yardstick-7 | 7 |",
        "THE FIGURES",
        "temperature of\n   1.23",
        "9,800 word pieces",
        "research use",
        "not balanced.\n\nThe teacher was\ncut short.\n\nPython 3.11.0",
        "torch 2.0",
    ):
        assert expected in text
    plain = card({key: value for key, value in facts.items() if key != "history"}, "")
    assert "not balanced.\n\nPython 3.11.0" in plain


def test_the_shipped_card_is_what_the_code_renders_around_its_figures() -> None:
    facts = json.loads((WEIGHTS / "training.json").read_text())
    head, tail = card(facts, "FIGURES").split("FIGURES")
    shipped = (WEIGHTS / "README.md").read_text()
    assert shipped.startswith(head)
    assert shipped.endswith(tail)

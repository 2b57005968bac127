"""The model card tells of every run, source and figure."""

from dataclasses import asdict

from training.by_source import Figures
from training.card import card

MEAN = {
    "macro_recall": 0.724,
    "neutral_recall": 0.55,
    "alert_precision": 0.6862,
    "alert_recall": 0.8037,
    "calibration_error": 0.0374,
}


def test_the_card_names_runs_sources_figures_and_versions() -> None:
    run = {
        "name": "student-7",
        "recipe": {"plan": {"seed": 7, "epochs": 3, "last": 0.5}},
        "texts": 1234,
        "epochs": [{"val_macro_recall": 0.5, "mean": MEAN}],
        "seconds": 90,
    }
    facts = {
        "runs": [run],
        "others": [run | {"name": "tweets-7"}],
        "temperature": 1.234,
        "vocabulary": 9800,
        "sources": {"airline": {"all": 10525, "used": 6000, "weight": 0.5}},
        "own_texts": 2000,
        "val_texts": 2000,
        "python": "3.11.0",
        "history": ["The run was\ncut short."],
        "left_out": [
            {"left_out": "developer", "recipe": "source", "texts": 34716, "mean": MEAN},
        ],
        "before": {"val": asdict(Figures(2000, 0.763, 0.667, 0.6, 0.7, 0.02))},
        "versions": {"torch": "2.0", "transformers": "5.0", "tokenizers": "0.2"},
    }
    text = card(facts, {"airline": Figures(579, 0.8, 0.7, 0.6, 0.5, 0.04)}, "THE FIGURES\n")
    for expected in (
        "| student-7 (shipped) | 7 | 1,234 | 2.5 | 0.5000 | 0.7240 | 2 |",
        "| tweets-7 | 7 |",
        "THE FIGURES",
        "1.23",
        "9,800 word pieces",
        "research use",
        "CC BY-NC-SA 4.0",
        "| 10,525 | 6,000 | 0.5 |",
        "| developer | source | 34,716 | 0.724 | 0.550 | 0.686, 0.804 | 0.037 |",
        "| airline | 579 | 0.800 | 0.700 | 0.600, 0.500 | 0.040 |",
        "| val | 2000 | 0.763 |",
        "other work.\n\nThe run was\ncut short.\n\nPython 3.11.0",
        "torch 2.0",
        "TweetEval test split",
    ):
        assert expected in text

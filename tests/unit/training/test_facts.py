"""What a new training tells of the runs that it does not make again."""

import json
from pathlib import Path

from training.finish import left_out_row, with_earlier


def row(left_out: str, recipe: str, recall: float) -> dict[str, object]:
    return {"left_out": left_out, "recipe": recipe, "mean": {"macro_recall": recall}}


def test_a_training_keeps_what_was_told_of_other_runs_and_written_by_hand() -> None:
    before = {
        "runs": [{"name": "student-1", "recall": 0.7}],
        "others": [{"name": "tweets-1", "recall": 0.74}, {"name": "warm-up-100", "recall": 0.7}],
        "history": ["The first run was cut short."],
        "before": {"val": {"texts": 2000}},
        "left_out": [row("developer", "overall", 0.68), row("developer", "by-source", 0.7)],
    }
    now = {
        "runs": [{"name": "student-1", "recall": 0.76}],
        "others": [{"name": "warm-up-100", "recall": 0.75}],
        "left_out": [row("developer", "by-source", 0.72), row("reviews", "by-source", 0.7)],
    }
    assert with_earlier(now, before) == {
        "runs": [{"name": "student-1", "recall": 0.76}],
        "others": [
            {"name": "tweets-1", "recall": 0.74},
            {"name": "warm-up-100", "recall": 0.75},
        ],
        "history": ["The first run was cut short."],
        "before": {"val": {"texts": 2000}},
        "left_out": [
            row("developer", "overall", 0.68),
            row("developer", "by-source", 0.72),
            row("reviews", "by-source", 0.7),
        ],
    }


def test_a_first_training_tells_of_its_own_runs() -> None:
    now = {"runs": [], "others": [{"name": "tweets-1"}], "left_out": []}
    assert with_earlier(now, {}) == now | {"before": {}}


def test_a_run_that_left_sources_out_is_told_by_its_name_and_last_epoch(tmp_path: Path) -> None:
    epochs = [{"mean": {"macro_recall": 0.6}}, {"mean": {"macro_recall": 0.7}}]
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"name": "overall@developer", "texts": 9, "epochs": epochs}))
    assert left_out_row(path) == row("developer", "overall", 0.7) | {"texts": 9}

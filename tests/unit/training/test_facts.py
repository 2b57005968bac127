"""The facts of runs that a new training does not repeat."""

from training.finish import with_earlier


def test_a_training_keeps_the_facts_of_other_runs_and_the_hand_written_history() -> None:
    before = {
        "runs": [{"name": "student-1", "recall": 0.7}],
        "others": [{"name": "yardstick-1", "recall": 0.74}, {"name": "student-100", "recall": 0.7}],
        "history": ["The teacher was cut short."],
    }
    now = {
        "runs": [{"name": "student-1", "recall": 0.76}],
        "others": [{"name": "student-100", "recall": 0.75}],
    }
    assert with_earlier(now, before) == {
        "runs": [{"name": "student-1", "recall": 0.76}],
        "others": [
            {"name": "yardstick-1", "recall": 0.74},
            {"name": "student-100", "recall": 0.75},
        ],
        "history": ["The teacher was cut short."],
    }


def test_a_first_training_has_the_facts_of_its_own_runs() -> None:
    now = {"runs": [], "others": [{"name": "teacher-1"}]}
    assert with_earlier(now, {}) == now

"""What a new training tells of the runs that it does not make again."""

from training.finish import with_earlier


def test_a_training_keeps_what_was_told_of_other_runs_and_written_by_hand() -> None:
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


def test_a_first_training_tells_of_its_own_runs() -> None:
    now = {"runs": [], "others": [{"name": "teacher-1"}]}
    assert with_earlier(now, {}) == now

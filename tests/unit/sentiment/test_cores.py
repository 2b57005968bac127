"""Processes that compute on one machine share its cores."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from feedback_app.sentiment import cores
from feedback_app.sentiment.cores import Seats, SharedCores
from feedback_app.sentiment.loading import load_local

HOLDER = """
import sys
from pathlib import Path
from feedback_app.sentiment.cores import Seats
seats = Seats(Path(sys.argv[1]))
print("seated", flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Return another process that has taken a seat."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "seated\n"
    return process


def test_a_seat_counts_until_its_process_ends_however_it_ends(tmp_path: Path) -> None:
    slots = Seats(tmp_path / "seats")
    assert slots.taken() == 1
    with holder(tmp_path / "seats") as other:
        assert slots.taken() == 2
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert slots.taken() == 1
    slots.close()


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    slots = Seats(tmp_path / "seats")
    left = tmp_path / "seats" / "1-left"
    left.touch()
    assert (slots.taken(), left.exists()) == (1, True)
    os.utime(left, (time.time() - 61, time.time() - 61))
    assert (slots.taken(), left.exists()) == (1, False)
    slots.close()
    assert list((tmp_path / "seats").iterdir()) == []


def test_the_others_are_looked_for_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "threads_for", lambda workers: 8 // workers)
    now = [0.0]
    share = SharedCores(tmp_path / "seats", lambda: now[0])
    assert share.threads() == 8
    other = Seats(tmp_path / "seats")
    assert share.threads() == 8
    now[0] = 5.0
    assert share.threads() == 4
    other.close()
    now[0] = 10.0
    assert share.threads() == 8
    share.close()


def test_a_folder_that_is_not_to_be_had_makes_a_process_count_as_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    share = SharedCores(tmp_path / "file")
    assert share.threads() == SharedCores(tmp_path / "free").threads()
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(tmp_path / "free")
    with pytest.raises(PermissionError, match="is not ours"):
        Seats(elsewhere)


def test_a_seat_that_was_cleared_away_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "threads_for", lambda workers: 8 // workers)
    now = [0.0]
    share = SharedCores(tmp_path / "seats", lambda: now[0])
    shutil.rmtree(tmp_path / "seats")
    now[0] = 5.0
    assert share.threads() == 8
    other = Seats(tmp_path / "seats")
    now[0] = 10.0
    assert share.threads() == 4
    assert other.taken() == 2
    share.close()
    other.close()


def test_the_threads_of_a_classifier_follow_and_its_scores_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = [1]
    monkeypatch.setattr(SharedCores, "threads", lambda self: count[0])
    before = torch.get_num_threads()
    classifier = load_local()
    texts = [f"text number {number} is {'good' if number % 2 else 'bad'}" for number in range(70)]
    alone = classifier.score(texts)
    count[0] = 2
    together = classifier.score(texts)
    assert torch.get_num_threads() == 2
    for one, other in zip(alone, together, strict=True):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 0.005
    classifier.close()
    torch.set_num_threads(before)


def test_threads_that_wait_for_each_other_sleep_soon() -> None:
    code = "import os, feedback_app.sentiment; print(os.environ['GOMP_SPINCOUNT'])"
    environment = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}
    for given, found in (({}, "5000"), ({"GOMP_SPINCOUNT": "7"}, "7")):
        out = subprocess.check_output(
            [sys.executable, "-c", code], env=environment | given, text=True
        )
        assert out.strip() == found

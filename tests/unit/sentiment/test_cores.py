"""Processes on one machine share its cores."""

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
from feedback_app.sentiment.cores import ProcessSlots, SharedCores
from feedback_app.sentiment.model_files import load_local

HOLDER = """
import sys
from pathlib import Path
from feedback_app.sentiment.cores import ProcessSlots
slots = ProcessSlots(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


def start_holder(folder: Path) -> subprocess.Popen[str]:
    """Start another process that holds a slot."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_slot_counts_until_its_process_ends_or_is_killed(tmp_path: Path) -> None:
    slots = ProcessSlots(tmp_path / "slots")
    assert slots.count() == 1
    with start_holder(tmp_path / "slots") as other:
        assert slots.count() == 2
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert slots.count() == 1
    slots.close()


def test_a_stale_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    slots = ProcessSlots(tmp_path / "slots")
    stale = tmp_path / "slots" / "1-stale"
    stale.touch()
    assert (slots.count(), stale.exists()) == (1, True)
    os.utime(stale, (time.time() - 61, time.time() - 61))
    assert (slots.count(), stale.exists()) == (1, False)
    slots.close()
    assert list((tmp_path / "slots").iterdir()) == []


def test_processes_are_recounted_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "threads_for", lambda workers: 8 // workers)
    now = [0.0]
    share = SharedCores(tmp_path / "slots", lambda: now[0])
    assert share.threads() == 8
    other = ProcessSlots(tmp_path / "slots")
    assert share.threads() == 8
    now[0] = 5.0
    assert share.threads() == 4
    other.close()
    now[0] = 10.0
    assert share.threads() == 8
    share.close()


def test_without_a_usable_folder_a_process_counts_as_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    share = SharedCores(tmp_path / "file")
    assert share.threads() == SharedCores(tmp_path / "free").threads()
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(tmp_path / "free")
    with pytest.raises(PermissionError, match="is not ours"):
        ProcessSlots(elsewhere)


def test_a_deleted_slot_is_claimed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "threads_for", lambda workers: 8 // workers)
    now = [0.0]
    share = SharedCores(tmp_path / "slots", lambda: now[0])
    shutil.rmtree(tmp_path / "slots")
    now[0] = 5.0
    assert share.threads() == 8
    other = ProcessSlots(tmp_path / "slots")
    now[0] = 10.0
    assert share.threads() == 4
    assert other.count() == 2
    share.close()
    other.close()


def test_a_change_of_threads_does_not_change_the_scores(
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


def test_openmp_threads_spin_only_briefly() -> None:
    code = "import os, feedback_app.sentiment; print(os.environ['GOMP_SPINCOUNT'])"
    environment = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}
    for given, found in (({}, "5000"), ({"GOMP_SPINCOUNT": "7"}, "7")):
        out = subprocess.check_output(
            [sys.executable, "-c", code], env=environment | given, text=True
        )
        assert out.strip() == found

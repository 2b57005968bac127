"""The log: written before the response, parsed into entries, intact after a kill."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from feedback_app.sandbox import read_log
from feedback_app.sandbox.log import Deleted, Fault, Log, Posted


def test_entries_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = Log(lambda: 7.5, path)
    heard: list[object] = []
    log.listeners.append(heard.append)
    log.write(
        Posted(channel="#a", channel_id="C1", ts="1.000100", text="ü", metadata={"event_type": "e"})
    )
    log.write(Fault(name="odd", platform="x", where="search", detail="no id"))
    entries = list(read_log(path))
    log.close()
    assert entries == heard
    assert entries[0] == Posted(
        at=7.5, channel="#a", channel_id="C1", ts="1.000100", text="ü", metadata={"event_type": "e"}
    )


def test_a_truncated_line_is_skipped_and_terminated(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"event":"deleted","channel":"#a","cha')
    log = Log(lambda: 1.0, path)
    log.write(Deleted(channel="#a", channel_id="C1", ts="2.000100"))
    log.close()
    assert list(read_log(path)) == [Deleted(at=1.0, channel="#a", channel_id="C1", ts="2.000100")]


def test_a_line_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"event":"invented"}\n')
    with pytest.raises(ValidationError):
        list(read_log(path))

"""What a failed demo leaves behind."""

import re
from pathlib import Path
from typing import Any, Self

import pytest
from rich.console import Console

import feedback_app.broker
from feedback_app.demo.plan import Plan
from feedback_app.demo.runner import Demo
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError


class Broker:
    """Writes data and a log like a broker, but does not listen."""

    bootstrap = "127.0.0.1:1"
    nodes = ()

    def __init__(self, data: Path, **_: Any) -> None:
        self._data = data

    async def __aenter__(self) -> Self:
        (self._data / "node-1" / "feedback.raw-0").mkdir(parents=True)
        (self._data / "node-1" / "feedback.raw-0" / "0.log").write_bytes(b"records")
        (self._data / "node-1.log").write_text("why it failed\n")
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder in which demos create theirs."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(feedback_app.broker, "LocalKafka", Broker)
    return tmp_path


def left_in(folder: Path) -> set[str]:
    """Return the files and folders in a folder, without the random suffix of a demo's folder."""
    return {re.sub(r"demo-\w+", "demo", str(at.relative_to(folder))) for at in folder.rglob("*")}


async def test_a_failed_demo_keeps_its_logs_but_not_the_data_of_kafka(
    temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TransientError, match="cannot reach Kafka"):
        await Demo(Plan(), Console(stderr=True, soft_wrap=True, color_system=None)).run()
    left = left_in(temporary)
    assert "feedback-demo/kafka/node-1.log" in left
    assert not [name for name in left if "feedback.raw" in name]
    assert f"Logs are kept in {temporary}/feedback-demo-" in capsys.readouterr().err


async def test_a_demo_that_never_started_leaves_nothing(temporary: Path, tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()
    with pytest.raises(ConfigurationError, match="has no lines"):
        await Demo(Plan(input=file), Console(stderr=True)).run()
    assert left_in(temporary) == {"empty.jsonl"}

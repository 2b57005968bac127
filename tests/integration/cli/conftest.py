"""The commands on a real broker, with topics of their own."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedback_app.broker import LocalKafka
from feedback_app.cli import program
from feedback_app.load_settings import load
from feedback_app.settings import Settings
from tests.integration.cli.records import PARTITIONS, Run


@pytest.fixture
def settings(
    kafka: LocalKafka, unique_prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Settings:
    """Return settings with topics of their own, which the commands read from the environment."""
    monkeypatch.chdir(tmp_path)
    values = {
        "KAFKA_BOOTSTRAP": kafka.bootstrap,
        "TOPIC_PREFIX": unique_prefix,
        "APP_ID": unique_prefix.rstrip("."),
        "PARTITIONS": str(PARTITIONS),
        "X_QUERY": "to:lumenkettle",
        "MODEL": "hashing",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"FEEDBACK_{name}", value)
    return load()


@pytest.fixture
def feedback(settings: Settings) -> Run:
    """Return a function that runs the program and expects an exit status."""

    def call(*args: str, status: int = 0) -> Result:
        result = CliRunner().invoke(program(), args, prog_name="feedback")
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return call

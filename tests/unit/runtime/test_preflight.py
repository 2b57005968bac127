"""The checks before a start: Kafka is waited for, and a prefix has one owner."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from feedback_app.hop import Row, TransientError
from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.runtime import preflight
from feedback_app.runtime.preflight import RETRY_S, Preflight, own_prefix
from feedback_app.sentiment.classifier import ModelError
from feedback_app.settings import ConfigurationError, Settings
from models import OWNER, Cursor

SETTINGS = load({"FEEDBACK_APP_ID": "ours"})
TOPICS = Topics.of(SETTINGS)


class Log:
    """The topic `cursors`: a reader of it, and a producer that others may be faster than."""

    def __init__(self, *owners: str) -> None:
        self.rows: list[tuple[bytes, bytes]] = [(b"x", Cursor(source="x", position="1").encode())]
        self.rows += [(OWNER.encode(), self.owner(name)) for name in owners]
        self.faster: list[str] = []
        """Owners that are written right before the next record."""

    @staticmethod
    def owner(name: str) -> bytes:
        return Cursor(source=OWNER, position=name).encode()

    async def read_to_high_watermark(
        self, topic: str, start: dict[int, int], hours: float | None, on_row: Callable[[Row], None]
    ) -> dict[int, int]:
        assert (topic, start, hours) == (TOPICS.cursors.name, {0: 0}, None)
        for offset, (key, value) in enumerate(self.rows):
            on_row(Row(0, offset, key, value, 0.0))
        return {0: len(self.rows)}

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        assert topic == TOPICS.cursors.name
        self.rows += [(OWNER.encode(), self.owner(name)) for name in self.faster]
        self.rows.append((key, value))

    @asynccontextmanager
    async def producer(self, settings: Settings) -> AsyncIterator["Log"]:
        yield self


async def claim(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "producer", log.producer)
    reader: Any = log
    await own_prefix(SETTINGS, TOPICS, reader)


async def test_a_prefix_without_an_owner_becomes_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    await claim(log, monkeypatch)
    assert log.rows[1:] == [(OWNER.encode(), Log.owner("ours"))]


@pytest.mark.parametrize("owners", [["ours"], ["ours", "another"]])
async def test_the_first_owner_in_the_log_stays_the_owner(
    owners: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(*owners)
    await claim(log, monkeypatch)
    assert len(log.rows) == 1 + len(owners)


async def test_another_app_is_refused_by_the_name_of_the_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log("another", "ours")
    with pytest.raises(ConfigurationError, match=r"'another'.*FEEDBACK_APP_ID=another"):
        await claim(log, monkeypatch)
    assert len(log.rows) == 3


async def test_of_two_apps_that_start_at_once_the_second_in_the_log_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()
    log.faster = ["another"]
    with pytest.raises(ConfigurationError, match="'another'"):
        await claim(log, monkeypatch)


async def test_a_malformed_owner_record_is_skipped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()
    log.rows.append((OWNER.encode(), b"no JSON"))
    log.rows.append((OWNER.encode(), Log.owner("ours")))
    await claim(log, monkeypatch)
    assert len(log.rows) == 3
    assert "the owner's record cannot be read" in caplog.text


class Start:
    """A preflight whose Kafka fails with each of `faults`, one per attempt; no pause takes time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *faults: Exception) -> None:
        self.faults = list(faults)
        self.done: list[str] = []
        self.pauses: list[tuple[float, str | None]] = []
        self.model_error: Exception | None = None
        self.channel_error: Exception | None = None
        monkeypatch.setattr(preflight, "ensure_topics", self.ensure_topics)
        monkeypatch.setattr(preflight, "own_prefix", self.own_prefix)
        reader: Any = None
        self.preflight = Preflight(SETTINGS, TOPICS, reader, self.load, self.check)
        monkeypatch.setattr(self.preflight, "sleep", self.sleep)

    async def ensure_topics(self, settings: Settings, topics: Topics) -> list[str]:
        if self.faults:
            raise self.faults.pop(0)
        return ["feedback.raw"]

    async def own_prefix(self, *args: object) -> None:
        self.done.append("prefix")

    async def sleep(self, seconds: float) -> None:
        self.pauses.append((seconds, self.preflight.blocked_by))

    def load(self) -> None:
        self.done.append("model")
        if self.model_error is not None:
            raise self.model_error

    async def check(self) -> None:
        self.done.append("channels")
        if self.channel_error is not None:
            raise self.channel_error


async def test_it_waits_for_kafka_and_names_the_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [TransientError("kafka", "no broker"), TransientError("kafka", "no leader")]
    start = Start(monkeypatch, *faults)
    await start.preflight.on_start()
    assert start.pauses == [(RETRY_S, "no broker"), (RETRY_S, "no leader")]
    assert start.preflight.blocked_by is None
    assert sorted(start.done) == ["channels", "model", "prefix"]


async def test_wrong_topics_end_the_start_after_the_other_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = Start(monkeypatch, ConfigurationError("4 partitions, not 8"))
    with pytest.raises(ConfigurationError, match="4 partitions"):
        await start.preflight.on_start()
    assert sorted(start.done) == ["channels", "model"]
    assert not start.pauses


async def test_a_wrong_model_or_channel_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Start(monkeypatch)
    start.channel_error = ConfigurationError("two rules name one channel")
    with pytest.raises(ConfigurationError, match="two rules"):
        await start.preflight.on_start()
    start.channel_error, start.model_error = None, ModelError("no such model")
    with pytest.raises(ModelError, match="no such model"):
        await start.preflight.on_start()

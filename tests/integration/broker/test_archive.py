"""The class-data archive: made beside the first broker, used by the next."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from feedback_app.broker import LocalKafka
from feedback_app.broker.fetch import kafka_jars


async def test_the_second_broker_uses_what_the_first_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_jars(tmp_path / "cache")
    monkeypatch.setenv("FEEDBACK_CACHE_DIR", str(tmp_path / "cache"))
    async with LocalKafka(tmp_path / "data") as first, asyncio.timeout(100):
        assert "DumpLoadedClassList" in of_node(first, "cmdline")
        (maker,) = makers()
        while os.waitid(os.P_PID, maker.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            await asyncio.sleep(0.05)
    (archive,) = (tmp_path / "cache").glob("classes-*.jsa")
    async with LocalKafka(tmp_path / "data") as second:
        assert str(archive) in of_node(second, "maps")


def share_jars(cache: Path) -> None:
    """Give a cache of our own the jars that are there, so that only the archive is new."""
    jars = kafka_jars()[0].parent
    cache.mkdir()
    (cache / jars.name).symlink_to(jars)


def of_node(kafka: LocalKafka, file: str) -> str:
    return Path(f"/proc/{kafka.nodes[0].pid}/{file}").read_bytes().decode()


def makers() -> list[psutil.Process]:
    """Return our children that make an archive."""
    return [p for p in psutil.Process().children() if "-Xshare:dump" in p.cmdline()]

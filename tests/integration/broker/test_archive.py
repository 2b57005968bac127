"""The CDS archive: dumped while the first broker runs, used by the next."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from feedback_app.broker import LocalKafka, archive
from feedback_app.broker.fetch import kafka_jars


@pytest.mark.timeout(360)
async def test_the_second_broker_uses_the_archive_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_jars(tmp_path / "cache")
    monkeypatch.setenv("FEEDBACK_CACHE_DIR", str(tmp_path / "cache"))
    # At the lowest priority a busy machine would never run the dump.
    monkeypatch.setattr(archive, "LOWEST_PRIORITY", 0)
    before = children()
    async with LocalKafka(tmp_path / "data") as first, asyncio.timeout(300):
        assert "DumpLoadedClassList" in proc_file(first, "cmdline")
        (dump,) = children() - before - {first.nodes[0].pid}
        while not has_ended(dump):
            await asyncio.sleep(0.05)
    (installed,) = (tmp_path / "cache").glob("classes-*.jsa")
    async with LocalKafka(tmp_path / "data") as second:
        assert str(installed) in proc_file(second, "maps")


def share_jars(cache: Path) -> None:
    """Link the cached jars into an own cache, so that only the archive is new."""
    jars = kafka_jars()[0].parent
    cache.mkdir()
    (cache / jars.name).symlink_to(jars)


def proc_file(kafka: LocalKafka, file: str) -> str:
    return Path(f"/proc/{kafka.nodes[0].pid}/{file}").read_bytes().decode()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def has_ended(child: int) -> bool:
    """Return whether a child has exited, without reaping it."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

"""A class-data archive, which makes every later start of Kafka take half the time.

The first broker that runs without one writes down the classes that it loads. An archive is made of
them beside it at low priority, and kept when that is done before the broker stops.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from feedback_app.broker.locks import FileLock
from feedback_app.broker.process import ChildProcess

KEEP = 3
LOWEST_PRIORITY = 19


class ClassArchive:
    """The archive for one Java and one class path; `classes` is where the list of them goes."""

    def __init__(self, java: Path, jars: Sequence[Path], cache: Path, classes: Path) -> None:
        self._java = java
        self._class_path = ":".join(map(str, jars))
        self._cache = cache
        self._classes = classes
        self._file = cache / f"classes-{_digest(java, jars)}.jsa"
        self._part = cache / "classes.part"
        self._lock = FileLock(cache / "classes.lock")
        self._maker: ChildProcess | None = None

    def options(self, first: bool) -> list[str]:
        """Return a node's JVM options: use the archive; the first lists its classes for one."""
        if self._file.exists():
            return [f"-XX:SharedArchiveFile={self._file}"]
        return [f"-XX:DumpLoadedClassList={self._classes}"] if first else []

    def make(self) -> None:
        """Begin to make the archive, where there is none and no other process makes it."""
        if self._file.exists() or not self._classes.exists() or not self._lock.try_exclusive():
            return
        # The broker still appends to the list, so the last line may be half of one.
        whole, _, _ = self._classes.read_bytes().rpartition(b"\n")
        listed = self._classes.with_suffix(".whole")
        listed.write_bytes(whole + b"\n")
        command = [
            str(self._java),
            "-Xshare:dump",
            "-XX:+UseSerialGC",
            f"-XX:SharedClassListFile={listed}",
            f"-XX:SharedArchiveFile={self._part}",
            "-cp",
            self._class_path,
        ]
        self._maker = ChildProcess(command, self._classes.with_suffix(".log"))
        os.setpriority(os.PRIO_PROCESS, self._maker.pid, LOWEST_PRIORITY)

    def finish(self) -> None:
        """Keep the archive if it is done; else give up, and a later broker makes it."""
        if self._maker is None:
            return
        if self._maker.exit_code == 0 and self._part.exists():
            self._part.replace(self._file)
            _keep_newest(self._cache)
        self._maker.kill()
        self._part.unlink(missing_ok=True)
        self._lock.release()
        self._maker = None


def _digest(java: Path, jars: Sequence[Path]) -> str:
    """Return a name for what the JVM compares: its own modules and each jar, size and time."""
    modules = java.resolve().parent.parent / "lib" / "modules"
    parts = []
    for file in (modules, *jars):
        if file.exists():
            stat = file.stat()
            parts.append(f"{file}|{stat.st_size}|{stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _keep_newest(cache: Path) -> None:
    found = sorted(cache.glob("classes-*.jsa"), key=lambda file: file.stat().st_mtime)
    for old in found[:-KEEP]:
        old.unlink(missing_ok=True)

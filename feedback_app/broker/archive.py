"""A class-data sharing (CDS) archive, which halves the start-up time of Kafka.

The first broker that runs without an archive lists the classes that it loads. A background process
at low priority dumps the archive from that list; it is kept if complete before the broker stops.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from feedback_app.broker.locks import FileLock
from feedback_app.broker.process import ChildProcess

MAX_ARCHIVES = 3
LOWEST_PRIORITY = 19


class ClassArchive:
    """The archive for one Java and class path; the class list is written to `classes`."""

    def __init__(self, java: Path, jars: Sequence[Path], cache: Path, classes: Path) -> None:
        self._java = java
        self._class_path = ":".join(map(str, jars))
        self._cache = cache
        self._classes = classes
        self._file = cache / f"classes-{_digest(java, jars)}.jsa"
        self._part = cache / "classes.part"
        self._lock = FileLock(cache / "classes.lock")
        self._dump: ChildProcess | None = None

    def options(self, first: bool) -> list[str]:
        """Return a node's JVM options: to use the archive, or to list classes on the first node."""
        if self._file.exists():
            return [f"-XX:SharedArchiveFile={self._file}"]
        return [f"-XX:DumpLoadedClassList={self._classes}"] if first else []

    def start_dump(self) -> None:
        """Start dumping the archive unless it exists or another process is dumping it."""
        if self._file.exists() or not self._classes.exists() or not self._lock.try_exclusive():
            return
        # The broker is still appending to the list, so the last line may be incomplete.
        complete, _, _ = self._classes.read_bytes().rpartition(b"\n")
        class_list = self._classes.with_suffix(".complete")
        class_list.write_bytes(complete + b"\n")
        command = [
            str(self._java),
            "-Xshare:dump",
            "-XX:+UseSerialGC",
            f"-XX:SharedClassListFile={class_list}",
            f"-XX:SharedArchiveFile={self._part}",
            "-cp",
            self._class_path,
        ]
        self._dump = ChildProcess(command, self._classes.with_suffix(".log"))
        os.setpriority(os.PRIO_PROCESS, self._dump.pid, LOWEST_PRIORITY)

    def finish(self) -> None:
        """Install the archive if complete; otherwise discard it for a later broker to retry."""
        if self._dump is None:
            return
        if self._dump.exit_code == 0 and self._part.exists():
            self._part.replace(self._file)
            _keep_newest(self._cache)
        self._dump.kill()
        self._part.unlink(missing_ok=True)
        self._lock.release()
        self._dump = None


def _digest(java: Path, jars: Sequence[Path]) -> str:
    """Return a digest of what the JVM validates: size and mtime of its modules and each jar."""
    modules = java.resolve().parent.parent / "lib" / "modules"
    parts = []
    for file in (modules, *jars):
        if file.exists():
            stat = file.stat()
            parts.append(f"{file}|{stat.st_size}|{stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _keep_newest(cache: Path) -> None:
    found = sorted(cache.glob("classes-*.jsa"), key=lambda file: file.stat().st_mtime)
    for old in found[:-MAX_ARCHIVES]:
        old.unlink(missing_ok=True)

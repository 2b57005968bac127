"""Which Java runs the broker."""

import os
import subprocess
from pathlib import Path

import pytest

from feedback_app.broker import BrokerUnavailable, java


def fake_java(folder: Path, version: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "_bundled", lambda: None)


def test_the_bundled_java_runs_without_an_installed_one() -> None:
    found = java.find_java({"PATH": "/nonexistent"})
    done = subprocess.run(
        [found, "-version"],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    version = java.major_version(done.stderr)
    assert version is not None
    assert version >= java.MIN_VERSION


@pytest.mark.usefixtures("no_bundle")
def test_java_home_comes_before_the_path_and_old_ones_are_skipped(tmp_path: Path) -> None:
    new, old, newer = (fake_java(tmp_path / v, v) for v in ("17.0.2", "1.8.0_402", "21"))
    path = os.pathsep.join([str(newer.parent), "/bin"])
    assert java.find_java({"JAVA_HOME": str(new.parent.parent), "PATH": path}) == new
    assert java.find_java({"JAVA_HOME": str(old.parent.parent), "PATH": path}) == newer


@pytest.mark.usefixtures("no_bundle")
def test_no_usable_java_reports_what_was_found_and_the_remedy(tmp_path: Path) -> None:
    old = fake_java(tmp_path / "old", "11.0.1")
    with pytest.raises(BrokerUnavailable, match=r"is Java 11\): install the extra `broker`"):
        java.find_java({"JAVA_HOME": str(old.parent.parent), "PATH": "/nonexistent"})


@pytest.mark.parametrize(
    ("text", "major"),
    [('openjdk version "25.0.2" 2026', 25), ('java version "1.8.0_402"', 8), ("no java", None)],
)
def test_old_and_new_version_strings_are_parsed(text: str, major: int | None) -> None:
    assert java.major_version(text) == major

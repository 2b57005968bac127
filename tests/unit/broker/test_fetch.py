"""Download, verification, repair and error messages; nothing here uses the network."""

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.broker import BrokerUnavailable
from feedback_app.broker.fetch import Advance, cache_dir, install, kafka_jars, unpacked_jars
from feedback_app.broker.lock import (
    LOCK_FILE,
    Artifact,
    kafka_version,
    parse_lock,
    render_lock,
)


def artifact(name: str, content: bytes) -> Artifact:
    return Artifact("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))


JARS = {name: f"content of {name}".encode() for name in ("a", "b", "c")}
ARTIFACTS = [artifact(name, content) for name, content in JARS.items()]


class Registry:
    """Serves the jars and records requests; `wrong` has corrupt content, `broken` fails."""

    def __init__(self, wrong: str = "", broken: str = "") -> None:
        self.wrong, self.broken = wrong, broken
        self.requested: list[str] = []

    def __call__(self, artifact: Artifact, folder: Path, advance: Advance) -> Path:
        self.requested.append(artifact.name)
        if artifact.name == self.broken:
            raise RuntimeError("not found") from ConnectionError("name does not resolve")
        content = b"evil" if artifact.name == self.wrong else JARS[artifact.name]
        folder.mkdir(parents=True)
        file = folder / "x.jar"
        file.write_bytes(content)
        advance(len(content))
        return file


def test_everything_is_fetched_once(tmp_path: Path) -> None:
    registry = Registry()
    jars = install(ARTIFACTS, tmp_path, registry)
    assert [jar.read_bytes() for jar in jars] == list(JARS.values())
    assert install(ARTIFACTS, tmp_path, registry) == jars
    assert sorted(registry.requested) == ["a", "b", "c"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".lock",
        "a-1.0.jar",
        "b-1.0.jar",
        "c-1.0.jar",
    ]


def test_a_changed_jar_is_replaced_before_it_runs(tmp_path: Path) -> None:
    jars = install(ARTIFACTS, tmp_path, Registry())
    jars[1].write_bytes(b"changed")
    registry = Registry()
    install(ARTIFACTS, tmp_path, registry)
    assert registry.requested == ["b"]
    assert jars[1].read_bytes() == JARS["b"]


def test_leftovers_of_a_killed_download_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".part-old").mkdir()
    (tmp_path / ".part-old" / "half").write_bytes(b"x")
    install(ARTIFACTS, tmp_path, Registry())
    assert not (tmp_path / ".part-old").exists()


def test_a_jar_with_a_wrong_checksum_is_never_installed(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match=r"b-1.0.jar came with another SHA-256 sum"):
        install(ARTIFACTS, tmp_path, Registry(wrong="b"))
    assert not (tmp_path / "b-1.0.jar").exists()


def test_an_unreachable_registry_is_one_line_with_two_remedies(tmp_path: Path) -> None:
    registry = Registry(broken="a")
    with pytest.raises(BrokerUnavailable) as caught:
        install(ARTIFACTS, tmp_path, registry)
    message = str(caught.value)
    assert "name does not resolve" in message
    assert "FEEDBACK_KAFKA_BOOTSTRAP" in message
    assert "KAFKA_HOME" in message
    assert "\n" not in message
    assert registry.requested.count("a") == 3


def test_concurrent_installs_download_once(tmp_path: Path) -> None:
    registry = Registry()
    both = [threading.Thread(target=install, args=(ARTIFACTS, tmp_path, registry)) for _ in "12"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(registry.requested) == ["a", "b", "c"]


def test_an_unwritable_cache_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerUnavailable, match="FEEDBACK_CACHE_DIR"):
        install(ARTIFACTS, tmp_path / "file" / "cache", Registry())


def test_an_unpacked_kafka_is_used_unchanged(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="KAFKA_HOME"):
        unpacked_jars(tmp_path)
    (tmp_path / "libs").mkdir()
    for name in ("kafka_2.13-4.3.1.jar", "a.jar", "notes.txt"):
        (tmp_path / "libs" / name).write_bytes(b"")
    found = kafka_jars({"KAFKA_HOME": str(tmp_path), "FEEDBACK_CACHE_DIR": "/nowhere"})
    assert [jar.name for jar in found] == ["a.jar", "kafka_2.13-4.3.1.jar"]


def test_the_cache_follows_the_environment() -> None:
    assert cache_dir({"FEEDBACK_CACHE_DIR": "/c", "XDG_CACHE_HOME": "/x"}) == Path("/c")
    assert cache_dir({"XDG_CACHE_HOME": "/x"}) == Path("/x/feedback-monitor")
    assert cache_dir({}) == Path.home() / ".cache" / "feedback-monitor"


def test_the_lock_in_the_package_is_kafka_4_3_1_with_every_checksum() -> None:
    artifacts = parse_lock(LOCK_FILE.read_text())
    assert kafka_version(artifacts) == "4.3.1"
    assert render_lock(artifacts) == LOCK_FILE.read_text()
    assert 40e6 < sum(artifact.size for artifact in artifacts) < 60e6


word = st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True)


@given(
    st.lists(
        st.builds(
            Artifact,
            word,
            word,
            word,
            st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
            st.integers(0),
        ),
        unique_by=lambda artifact: artifact.filename,
        min_size=1,
    )
)
def test_a_lock_round_trips(artifacts: list[Artifact]) -> None:
    assert parse_lock(render_lock(artifacts)) == tuple(artifacts)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('sha256 = "', 'other = "', "no SHA-256"),
        ('sha256 = "', 'sha256 = "x', "no SHA-256"),
        ('artifactId = "', 'artifactId = "../', "not a file name"),
        ('artifactId = "b"', 'artifactId = "a"', "one file name"),
    ],
)
def test_an_invalid_lock_is_rejected(old: str, new: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_lock(render_lock(ARTIFACTS).replace(old, new))

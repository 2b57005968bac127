"""The lock file: the jars of the broker with their SHA-256 checksums."""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = Path(__file__).with_name("kafka.lock.toml")


@dataclass(frozen=True)
class Artifact:
    """One jar, by its Maven coordinates."""

    group: str
    name: str
    version: str
    sha256: str
    """64 hexadecimal digits."""
    size: int
    """Size in bytes, for the progress bar."""

    @property
    def filename(self) -> str:
        """The name of the file."""
        return f"{self.name}-{self.version}.jar"

    def is_intact(self, folder: Path) -> bool:
        """Return whether `folder` has the file with the right checksum."""
        try:
            with (folder / self.filename).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def parse_lock(text: str) -> tuple[Artifact, ...]:
    """Return the jars of a lock file; raises ValueError if an entry is invalid."""
    found = []
    for entry in tomllib.loads(text)["dependencies"]:
        artifact = Artifact(
            group=entry["groupId"],
            name=entry["artifactId"],
            version=entry["version"],
            sha256=entry.get("sha256", ""),
            size=entry["size"],
        )
        if len(artifact.sha256) != 64 or set(artifact.sha256) - set("0123456789abcdef"):
            raise ValueError(f"{artifact.filename} has no SHA-256 sum")
        if "/" in artifact.filename:
            raise ValueError(f"{artifact.filename!r} is not a file name")
        found.append(artifact)
    names = [artifact.filename for artifact in found]
    if len(set(names)) != len(names):
        raise ValueError("two artifacts have one file name")
    return tuple(found)


def render_lock(artifacts: Sequence[Artifact]) -> str:
    """Return the text of a lock file, in jgo's format plus the sizes."""
    head = "# Written by `python -m feedback_app.broker.relock`.\n"
    return head + "".join(
        f'\n[[dependencies]]\ngroupId = "{a.group}"\nartifactId = "{a.name}"\n'
        f'version = "{a.version}"\nsha256 = "{a.sha256}"\nsize = {a.size}\n'
        for a in artifacts
    )


def kafka_version(artifacts: Sequence[Artifact]) -> str:
    """Return the version of Kafka in a lock."""
    return next(a.version for a in artifacts if a.name == "kafka_2.13")

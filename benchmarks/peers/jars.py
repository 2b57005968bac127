"""The jars of the Java peers, locked by SHA-256.

    python -m benchmarks.peers.jars

Updates the locks from the coordinates below.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from feedback_app.broker.fetch import cache_dir, download
from feedback_app.broker.lock import Artifact, parse_lock, render_lock

LOCKS = Path(__file__).parent / "locks"
COORDINATES = {
    # Kafka Streams needs no RocksDB without a state store; the broker's jars have the rest.
    "streams": ("org.apache.kafka:kafka-streams:4.3.1", "org.eclipse.jdt:ecj:3.44.0"),
    "flink": ("org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",),
    # The other dependencies are in pyspark's own folder of jars.
    "spark": (
        "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1",
        "org.apache.spark:spark-token-provider-kafka-0-10_2.13:4.1.1",
        "org.apache.kafka:kafka-clients:3.9.1",
        "org.apache.commons:commons-pool2:2.12.1",
    ),
}


def jars(name: str) -> list[Path]:
    """Return the jars of a peer, downloading missing ones; raises RuntimeError for a wrong sum."""
    artifacts = parse_lock((LOCKS / f"{name}.toml").read_text())
    folder = cache_dir() / "peers" / f"{name}-jars"
    folder.mkdir(parents=True, exist_ok=True)
    for artifact in artifacts:
        if not artifact.is_intact(folder):
            with tempfile.TemporaryDirectory(dir=folder) as part:
                downloaded = download(artifact, Path(part), lambda _count: None)
                downloaded.replace(folder / artifact.filename)
            if not artifact.is_intact(folder):
                raise RuntimeError(f"{artifact.filename} has a different SHA-256 sum")
    return [folder / artifact.filename for artifact in artifacts]


def lock(coordinates: Sequence[str]) -> str:
    """Return the text of a lock file with the sums of the present downloads."""
    found = []
    for group, name, version in (each.split(":") for each in coordinates):
        wanted = Artifact(group, name, version, "", 0)
        with tempfile.TemporaryDirectory() as folder:
            content = download(wanted, Path(folder), lambda _count: None).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        found.append(Artifact(group, name, version, digest, len(content)))
    head, rest = render_lock(found).split("\n", 1)
    return f"{head.replace('feedback_app.broker.relock', 'benchmarks.peers.jars')}\n{rest}"


if __name__ == "__main__":
    for peer, names in COORDINATES.items():
        (LOCKS / f"{peer}.toml").write_text(lock(names))

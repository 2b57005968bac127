"""Regenerates the lock file: `python -m feedback_app.broker.relock` (for a new Kafka version).

Resolves the coordinates below with their dependencies, downloads them and records checksums.
"""

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from feedback_app.broker.lock import LOCK_FILE, Artifact, render_lock

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Part of Kafka's distribution; without this binding the broker logs nothing.
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"


def main() -> None:
    """Resolve, download, and write the lock file."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder))
        # Not resolved together: jgo would let the binding's parent choose Kafka's versions.
        direct, indirect = context.resolver.resolve([context.create_dependency(KAFKA)])
        artifacts = []
        for dependency in [*direct, *indirect, context.create_dependency(LOG_BINDING)]:
            content = dependency.artifact.resolve().read_bytes()
            artifacts.append(
                Artifact(
                    group=dependency.groupId,
                    name=dependency.artifactId,
                    version=dependency.version,
                    sha256=hashlib.sha256(content).hexdigest(),
                    size=len(content),
                )
            )
    artifacts.sort(key=lambda a: (a.group, a.name))
    LOCK_FILE.write_text(render_lock(artifacts))


if __name__ == "__main__":
    main()

"""The settings of a Kafka node: pure functions from a description to a properties file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from feedback_app.broker.ports import HOST

MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES = 1 << 20, 1 << 30


@dataclass(frozen=True)
class NodePlan:
    """Where one node listens and keeps its data."""

    id: int
    client_port: int
    controller_port: int
    data: Path

    @property
    def address(self) -> str:
        """The `host:port` that clients connect to."""
        return f"{HOST}:{self.client_port}"


def server_properties(
    node: NodePlan, cluster: Sequence[NodePlan], retention_bytes: int | None = None
) -> dict[str, str]:
    """Return the settings of one node of a cluster on one machine.

    `retention_bytes` bounds each partition's log.
    """
    copies = min(len(cluster), 3)
    in_sync = max(1, copies - 1)
    found = {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(f"{n.id}@{HOST}:{n.controller_port}" for n in cluster),
        "listeners": f"CLIENT://{node.address},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"CLIENT://{node.address}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(node.data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        # A worker that joins or dies is noticed at once: there are few of them here.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A dead node's partitions move after this; shorter flaps where the cores are busy.
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        # Small for one machine: the defaults are for a server of its own.
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
    }
    if retention_bytes is not None:
        # Only closed segments can be deleted, so a segment is a quarter of what is kept.
        found |= {
            "log.retention.bytes": str(retention_bytes),
            "log.segment.bytes": str(
                min(max(MIN_SEGMENT_BYTES, retention_bytes // 4), MAX_SEGMENT_BYTES)
            ),
            "log.retention.check.interval.ms": "30000",
        }
    return found


def render(properties: Mapping[str, str]) -> str:
    """Return the settings as a Java properties file, one `name=value` a line."""
    return "".join(f"{_escape(k, True)}={_escape(v, False)}\n" for k, v in properties.items())


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def _escape(text: str, key: bool) -> str:
    return "".join(
        _ESCAPES.get(char)
        or (f"\\{char}" if char == " " or (key and char in "=:#!") else _ascii(char))
        for char in text
    )


def _ascii(char: str) -> str:
    if " " <= char <= "~":
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


LOGGING = """\
status=warn
shutdownHook=disable
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %m (%c{1})%n%ex
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=warn
logger.kafkaconfig.name=kafka.server.KafkaConfig
logger.kafkaconfig.level=warn
"""
"""Log4j's configuration: everything to stdout, which the launcher writes to the node's log."""

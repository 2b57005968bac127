"""Settings of a Kafka node as a properties file. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from feedback_app.broker.ports import HOST

MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES = 1 << 20, 1 << 30


@dataclass(frozen=True)
class NodePlan:
    """Ports and data directory of one node."""

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
    replicas = min(len(cluster), 3)
    in_sync = max(1, replicas - 1)
    properties = {
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
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        # Rebalance immediately: there are few workers.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # Fails over a dead node's partitions; a shorter timeout flaps on busy cores.
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        # The defaults are sized for a dedicated server.
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
    }
    if retention_bytes is not None:
        # Only closed segments can be deleted, so a segment is a quarter of the retention.
        properties |= {
            "log.retention.bytes": str(retention_bytes),
            "log.segment.bytes": str(
                min(max(MIN_SEGMENT_BYTES, retention_bytes // 4), MAX_SEGMENT_BYTES)
            ),
            "log.retention.check.interval.ms": "30000",
        }
    return properties


def render(properties: Mapping[str, str]) -> str:
    """Return the settings as a Java properties file, one `name=value` per line."""
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
"""Log4j configuration: logs to stdout, which the launcher redirects to the node's log."""

"""Files of a broker's data directory, and the cluster description stored in it."""

import base64
import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from feedback_app.broker.config import NodePlan
from feedback_app.broker.errors import BrokerUnavailable


@dataclass(frozen=True)
class Layout:
    """The files under one data directory."""

    data: Path

    @staticmethod
    def of(data: Path) -> "Layout":
        """Return the layout of a directory, as an absolute path."""
        return Layout(data.absolute())

    @property
    def cluster(self) -> Path:
        """Identity of the cluster, and the ports that it last used."""
        return self.data / "cluster.json"

    @property
    def owner_lock(self) -> Path:
        """Held by the process that runs the broker."""
        return self.data / "owner.lock"

    @property
    def users_lock(self) -> Path:
        """Shared lock of the processes that use a shared broker."""
        return self.data / "users.lock"

    @property
    def start_lock(self) -> Path:
        """Held while a process looks for a shared broker or starts one."""
        return self.data / "start.lock"

    @property
    def keeper_log(self) -> Path:
        """Output of the keeper of a shared broker."""
        return self.data / "keeper.log"

    @property
    def state(self) -> Path:
        """Address of the running broker; valid only while `owner_lock` is held."""
        return self.data / "broker.json"

    @property
    def tls(self) -> Path:
        """The key and certificate of a listener with TLS."""
        return self.data / "tls"

    def node(self, number: int) -> Path:
        """Folder with the settings and records of a node."""
        return self.data / f"node-{number}"

    def log(self, number: int) -> Path:
        """Output of a node."""
        return self.data / f"node-{number}.log"


@dataclass(frozen=True)
class Cluster:
    """The identity of the cluster in a data directory."""

    id: str
    nodes: int
    ports: tuple[int, ...]
    """Client and controller port of each node in turn, as last used."""

    @staticmethod
    def load(layout: Layout, nodes: int) -> "Cluster":
        """Return the cluster of the directory, or a new one with `nodes` nodes.

        Raises BrokerUnavailable if the directory has a different number of nodes.
        """
        try:
            found = json.loads(layout.cluster.read_text())
            cluster = Cluster(found["id"], found["nodes"], tuple(found["ports"]))
        except FileNotFoundError:
            return Cluster(base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode(), nodes, ())
        except (ValueError, KeyError, TypeError) as error:
            raise BrokerUnavailable(
                f"{layout.cluster} cannot be read ({error}): remove {layout.data}, or use another "
                "data directory"
            ) from error
        if cluster.nodes != nodes:
            raise BrokerUnavailable(
                f"{layout.data} holds a cluster of {cluster.nodes} node(s), not {nodes}: start it "
                "with that number, or use another data directory"
            )
        return cluster

    def save(self, layout: Layout) -> None:
        """Write the description atomically."""
        write_json(layout.cluster, {"id": self.id, "nodes": self.nodes, "ports": list(self.ports)})

    def plans(self, layout: Layout) -> list[NodePlan]:
        """Return ports and data directory of each node."""
        return [
            NodePlan(
                id=number + 1,
                client_port=self.ports[2 * number],
                controller_port=self.ports[2 * number + 1],
                data=layout.node(number + 1) / "records",
            )
            for number in range(self.nodes)
        ]


def write_json(path: Path, value: object) -> None:
    """Write a small file atomically."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(path)

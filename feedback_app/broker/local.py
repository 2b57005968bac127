"""A local Apache Kafka cluster of one or more nodes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from feedback_app.broker.archive import ClassArchive
from feedback_app.broker.config import NodePlan, server_properties
from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.fetch import cache_dir, kafka_jars
from feedback_app.broker.java import find_java
from feedback_app.broker.layout import Cluster, Layout
from feedback_app.broker.locks import POLL_S, FileLock
from feedback_app.broker.node import Node, PortTaken, Runtime
from feedback_app.broker.ports import HOST, choose_ports
from feedback_app.broker.security import Security, make_certificate, with_secure_listener

PORT_ATTEMPTS = 3
WATCH_S = 0.25
DEFAULT_PORTS = (9092, 9093, 9094)

RETENTION_BYTES = 1 << 30
"""Retention per partition of brokers that users run, where nobody monitors the disk."""


class LocalKafka:
    """Apache Kafka in child processes that end with this one; the data persists.

    `async with LocalKafka(Path("data")) as kafka: … kafka.bootstrap …`. Start it from a thread that
    lives as long as the broker is needed. `ports` are the preferred client ports; others are chosen
    if they are in use. `retention_bytes` bounds each partition's log. `security` adds a second
    listener at `secure_bootstrap`.
    """

    def __init__(
        self,
        data: Path,
        nodes: int = 1,
        *,
        ports: Sequence[int] = (),
        retention_bytes: int | None = None,
        security: Security | None = None,
    ) -> None:
        if nodes < 1:
            raise ValueError("a cluster has at least one node")
        self._layout = Layout.of(data)
        self._count = nodes
        self._preferred = tuple(ports)
        self._retention_bytes = retention_bytes
        self._security = security
        self._secure_ports: list[int] = []
        self._lock = FileLock(self._layout.owner_lock)
        self._archive: ClassArchive | None = None
        self._nodes: tuple[Node, ...] = ()

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._layout.data

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, once started, in the order of their ids."""
        return self._nodes

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port,…`, once started."""
        return ",".join(node.address for node in self._nodes)

    @property
    def secure_bootstrap(self) -> str:
        """The address of the `security` listener, once started."""
        return ",".join(f"{HOST}:{port}" for port in self._secure_ports)

    @property
    def ca_file(self) -> Path:
        """The certificate that clients of a TLS listener trust (PEM), once started."""
        return self._layout.tls / "ca.pem"

    async def start(self, timeout_s: float = 60.0) -> None:
        """Start every node and wait until all serve clients.

        Raises BrokerUnavailable, with one line that says what to change.
        """
        java, jars = find_java(), await asyncio.to_thread(kafka_jars)
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            owned = self._lock.try_exclusive()
            if not owned:  # `is_held` in another process holds the lock briefly
                await asyncio.sleep(POLL_S)
                owned = self._lock.try_exclusive()
        except OSError as error:
            raise BrokerUnavailable(
                f"cannot keep the broker's data in {self.data} ({error.strerror}): choose another "
                "data directory"
            ) from error
        if not owned:
            raise BrokerUnavailable(
                f"a broker runs on {self.data} already: use it, stop it, or choose another data "
                "directory"
            )
        # A leftover announcement is from a process that was killed.
        self._layout.state.unlink(missing_ok=True)
        try:
            archive = ClassArchive(java, jars, cache_dir(), self.data / "classes.lst")
            first = Runtime(java, jars, archive.options(first=True))
            others = Runtime(java, jars, archive.options(first=False))
            await self._start_nodes([first, *[others] * (self._count - 1)], timeout_s)
            self._archive = archive
            archive.start_dump()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Shut down all nodes cleanly; keeps the data. Does nothing if not running."""
        if not self._lock.held:
            return
        self._layout.state.unlink(missing_ok=True)
        if self._archive is not None:
            self._archive.finish()
        try:
            # Concurrently: the last nodes would have no quorum for a controlled shutdown.
            await asyncio.gather(*(node.stop() for node in self._nodes))
        finally:
            for node in self._nodes:
                node.kill()
            self._lock.release()

    async def keep_running(
        self, wanted: Callable[[], bool], on_restart: Callable[[Node], None]
    ) -> None:
        """Restart nodes that exit unexpectedly while `wanted`; calls `on_restart` first.

        Raises BrokerUnavailable if a node does not start.
        """
        while wanted():
            await asyncio.sleep(WATCH_S)
            for node in self._nodes:
                if node.pid is None:
                    on_restart(node)
                    await node.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def _start_nodes(self, runtimes: Sequence[Runtime], timeout_s: float) -> None:
        known = Cluster.load(self._layout, self._count)
        extra: list[str] = []
        for attempt in range(PORT_ATTEMPTS):
            cluster = replace(
                known, ports=self._choose_ports(known) if attempt == 0 else self._choose_ports()
            )
            cluster.save(self._layout)
            if self._security is not None:
                self._secure_ports = choose_ports(self._count, taken=cluster.ports)
                extra = self._security.format_arguments()
            self._nodes = self._build(cluster, runtimes)
            await asyncio.gather(*(node.format(cluster.id, extra) for node in self._nodes))
            try:
                await asyncio.gather(*(node.start(timeout_s) for node in self._nodes))
            except PortTaken as error:
                for node in self._nodes:
                    node.kill()
                if attempt == PORT_ATTEMPTS - 1:
                    raise BrokerUnavailable(f"Apache Kafka did not start: {error}") from error
            else:
                return

    def _choose_ports(self, known: Cluster | None = None) -> tuple[int, ...]:
        """Choose the preferred ports, else those last used by the cluster, else free ones."""
        last = () if known is None else known.ports
        clients = choose_ports(self._count, self._preferred or last[0::2])
        controllers = choose_ports(self._count, last[1::2], taken=clients)
        return tuple(port for pair in zip(clients, controllers, strict=True) for port in pair)

    def _build(self, cluster: Cluster, runtimes: Sequence[Runtime]) -> tuple[Node, ...]:
        plans = cluster.plans(self._layout)
        return tuple(
            Node(
                plan,
                self._properties(plan, plans, runtime),
                self._layout.node(plan.id),
                self._layout.log(plan.id),
                runtime,
            )
            for plan, runtime in zip(plans, runtimes, strict=True)
        )

    def _properties(
        self, plan: NodePlan, plans: Sequence[NodePlan], runtime: Runtime
    ) -> dict[str, str]:
        found = server_properties(plan, plans, self._retention_bytes)
        if (security := self._security) is None:
            return found
        tls = make_certificate(runtime.java, self._layout.tls) if security.with_tls else None
        return with_secure_listener(found, self._secure_ports[plan.id - 1], security, tls)

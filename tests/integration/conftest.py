"""Apache Kafka itself for the tests: one node that they share, and clusters of their own."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from chaos.fleet import Fleet
from feedback_app.broker import LocalKafka


class KafkaCluster(Protocol):
    """Starts a cluster that ends with the test."""

    async def __call__(self, nodes: int = 3, data: Path | None = None) -> LocalKafka: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalKafka]:
    """One node that all tests share: each keeps to topics under its own `unique_prefix`.

    A test that hurts Kafka has a cluster of its own, whose restart reads nobody else's topics.
    """
    async with LocalKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def unique_prefix() -> str:
    """A prefix for topics and groups that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."


@pytest_asyncio.fixture
async def kafka_cluster(tmp_path: Path) -> AsyncIterator[KafkaCluster]:
    """Start clusters of the test's own, which it may kill, pause and restart."""
    started: list[LocalKafka] = []

    async def start(nodes: int = 3, data: Path | None = None) -> LocalKafka:
        cluster = LocalKafka(data or tmp_path / f"kafka-{len(started)}", nodes)
        await cluster.start()
        started.append(cluster)
        return cluster

    yield start
    for cluster in started:
        await cluster.stop()


class NewFleet(Protocol):
    """Makes a fleet on the shared node, or on another, that ends with the test."""

    async def __call__(self, address: str | None = None, **more: Any) -> Fleet: ...


@pytest_asyncio.fixture
async def new_fleet(
    kafka: LocalKafka, unique_prefix: str, tmp_path: Path
) -> AsyncIterator[NewFleet]:
    """Start fleets, each with a prefix and a folder of its own; for `more` see `Fleet`."""
    started: list[Fleet] = []
    async with AsyncExitStack() as stack:

        async def start(address: str | None = None, **more: Any) -> Fleet:
            folder = tmp_path / f"fleet-{len(started)}"
            folder.mkdir()
            prefix = f"{unique_prefix}{len(started)}."
            fleet = Fleet(address or kafka.bootstrap, prefix, folder, **more)
            started.append(fleet)
            return await stack.enter_async_context(fleet)

        yield start

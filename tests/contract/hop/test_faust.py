"""The private names of Faust that the hop touches, as the pinned version has them."""

import asyncio
import inspect
from importlib.metadata import version
from typing import Any, cast
from unittest.mock import Mock

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.tables.recovery import Recovery, ServiceStopped
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver

from feedback_app.hop.leaving import stop_consumer
from feedback_app.hop.recovery import UnboundedRecovery, UnboundedRecoveryTables
from feedback_app.hop.transport import StageConsumer, StageProducer, StageTransport
from feedback_app.runtime.app import create_app
from feedback_app.settings import Settings


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_versions_are_the_ones_that_were_read() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == "0.14.0"


def test_getmany_is_the_abstract_method_that_every_fetch_goes_through() -> None:
    assert parameters(Consumer._getmany) == ["self", "active_partitions", "timeout"]
    assert getattr(Consumer._getmany, "__isabstractmethod__", False)
    assert "await self._getmany(" in inspect.getsource(Consumer._wait_next_records)
    assert parameters(StageConsumer._getmany) == parameters(Consumer._getmany)


def test_commit_is_the_abstract_method_that_commits_offsets() -> None:
    assert parameters(Consumer._commit) == ["self", "offsets"]
    assert getattr(Consumer._commit, "__isabstractmethod__", False)
    assert issubclass(StageConsumer, ThreadDelegateConsumer)


def test_the_producer_gives_out_its_aiokafka_producer() -> None:
    assert parameters(driver.Producer._ensure_producer) == ["self"]
    assert isinstance(StageProducer.aiokafka, property)


def test_a_transport_can_be_set_and_its_classes_are_used() -> None:
    app = faust.App("contract", broker="kafka://127.0.0.1:1", store="memory://")
    transport = StageTransport(app.conf.broker_consumer, app)
    transport.stages = {}
    app.transport = app.producer_transport = transport
    assert app.transport is transport
    assert isinstance(app.producer, StageProducer)


def test_the_calls_around_a_rebalance_are_where_the_hop_expects_them() -> None:
    assert parameters(Consumer.on_partitions_revoked) == ["self", "revoked"]
    assert parameters(Consumer.on_partitions_assigned) == ["self", "assigned", "generation_id"]
    assert parameters(Consumer.commit) == ["self", "topics", "start_new_transaction"]
    assert "await self.wait_empty()" in inspect.getsource(Consumer.on_stop)


def test_the_consumer_runs_in_a_thread_of_the_class_that_it_names() -> None:
    assert "self._thread = self._new_consumer_thread()" in inspect.getsource(ThreadDelegateConsumer)
    assert parameters(driver.Consumer._new_consumer_thread) == ["self"]
    assert "await self._consumer.stop()" in inspect.getsource(
        driver.AIOKafkaConsumerThread.on_thread_stop
    )


def test_the_coordinator_comes_to_rest_before_it_leaves_and_leaves_only_with_a_place() -> None:
    assert "self._coordinator = " in inspect.getsource(AIOKafkaConsumer)
    assert "await self._coordinator.close()" in inspect.getsource(AIOKafkaConsumer.stop)
    closing = inspect.getsource(GroupCoordinator.close)
    assert closing.index("await self._coordination_task") < closing.index("_maybe_leave_group")
    assert "if self.generation > 0" in inspect.getsource(GroupCoordinator._maybe_leave_group)
    for name in ("member_id", "coordinator_id", "group_id"):
        assert f"self.{name} = " in inspect.getsource(GroupCoordinator.__init__)
    assert parameters(AIOKafkaClient.send) == ["self", "node_id", "request", "group"]
    assert "conn_id = (node_id, group)" in inspect.getsource(AIOKafkaClient._get_conn)


async def late(recovery: Recovery) -> bool:
    """Whether a recovery comes to the end of what takes longer than its time."""
    ended: list[bool] = []

    async def slow() -> None:
        await asyncio.sleep(0.05)
        ended.append(True)

    try:
        await recovery._wait(slow(), timeout=0.01)
    except ServiceStopped:
        return False
    return bool(ended)


def test_a_worker_that_its_group_forgot_is_no_member_before_faust_hears_of_it() -> None:
    app = create_app(Settings())
    consumer = StageConsumer.__new__(StageConsumer)
    consumer.app = app

    class Thread:
        """Faust's thread around a consumer of the library."""

        _consumer: Any = None

    class Consumer:
        """The library's consumer."""

        _coordinator: Any

    thread, library = Thread(), Consumer()
    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    coordinator.generation, coordinator.member_id = 4, "worker"
    coordinator._rejoin_needed_fut = Mock()
    library._coordinator, consumer._thread = coordinator, cast(Any, thread)
    app.consumer_generation_id = 4
    assert not consumer.is_member  # there is no consumer yet
    thread._consumer = library
    assert consumer.is_member
    coordinator.reset_generation()  # what a heartbeat does that the group does not know
    assert not consumer.is_member
    assert "reset_generation()" in inspect.getsource(GroupCoordinator._do_heartbeat)


async def test_a_recovery_outlasts_an_outage_of_kafka_as_fausts_does_not() -> None:
    app = create_app(Settings())
    tables = app.tables
    assert isinstance(tables, UnboundedRecoveryTables)
    assert isinstance(tables.recovery, UnboundedRecovery)
    assert await late(tables.recovery)
    assert not await late(Recovery(app, tables))
    assert parameters(Recovery._wait) == ["self", "coro", "timeout"]
    assert "consumer.perform_seek(), timeout" in inspect.getsource(Recovery._resume_streams)


async def test_a_fetch_in_its_backoff_cancels_the_caller_of_stop_but_not_a_reader() -> None:
    source = inspect.getsource(Fetcher.close)
    assert "x.cancel()\n            await x\n" in source
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    closed: list[str] = []

    class Failed:
        """A fetcher with a fetch that waits to be tried again."""

        async def close(self) -> None:
            waits = asyncio.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            waits.cancel()
            await waits

    class Client:
        """The connections."""

        async def close(self) -> None:
            closed.append("the connections")

    consumer._fetcher, consumer._client = Failed(), Client()
    await stop_consumer(consumer)
    assert closed == ["the connections"]

"""The stages of a Faust app: its transport, its agents, its producer."""

import asyncio
from typing import Any, cast

import faust

from feedback_app.clock import Clock
from feedback_app.hop.partition import AccountReader, ReadToHighWatermark
from feedback_app.hop.produce import BatchProducer
from feedback_app.hop.stage import Stage, StageContext
from feedback_app.hop.transport import StageConsumer, StageProducer, StageTransport


class StageRegistry:
    """The stages of an app, by topic. Sets the app's transport: make it before the app starts.

    Faust's consumer, group, assignor, commit timer, producer and agents stay in use; only its
    per-message work is replaced.
    """

    def __init__(
        self,
        app: faust.App,
        *,
        stats_topic: str,
        dead_letters_topic: str,
        accounts: AccountReader,
        read_to_high_watermark: ReadToHighWatermark,
        clock: Clock,
    ) -> None:
        self.app = app
        self.stages: dict[str, Stage] = {}
        self.by_name: dict[str, Stage] = {}
        """The stages by name, in the order in which they were added."""
        self.capacity_freed = asyncio.Event()
        self.sender = BatchProducer(lambda: cast(StageProducer, app.producer).aiokafka)
        self.context = StageContext(
            produce=self.sender.produce,
            stats_topic=stats_topic,
            dead_letters_topic=dead_letters_topic,
            accounts=accounts,
            read_to_high_watermark=read_to_high_watermark,
            wake=self.capacity_freed.set,
            clock=clock,
            last_inbound=app.monitor.stream_inbound_time,
        )
        app.transport = self._transport(app.conf.broker_consumer)
        app.producer_transport = self._transport(app.conf.broker_producer)

    def _transport(self, urls: Any) -> StageTransport:
        transport = StageTransport(urls, self.app)
        transport.stages, transport.capacity_freed = self.stages, self.capacity_freed
        return transport

    @property
    def consumer(self) -> StageConsumer:
        """The app's consumer."""
        return cast(StageConsumer, self.app.consumer)

    def add(self, stage: Stage) -> Stage:
        """Register a stage as an agent of the app, whose stream only subscribes to its topic."""
        spec = stage.spec
        self.stages[spec.topic] = self.by_name[spec.name] = stage

        async def body(stream: Any) -> None:
            await stage.run()

        body.__name__ = body.__qualname__ = spec.name
        body.__module__ = "agents"
        topic = self.app.topic(spec.topic, key_type=bytes, value_type=bytes)
        self.app.agent(topic, name=f"agents.{spec.name}")(body)
        return stage

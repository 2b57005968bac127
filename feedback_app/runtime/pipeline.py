"""The composition root: builds and wires the stages and services of one worker."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import faust
from mode import ServiceT

from agents import alerts, delivery, polls, sentiment
from feedback_app.alerting.channel_resolver import ChannelResolver
from feedback_app.alerting.outbox import Outbox
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.clock import Clock
from feedback_app.health.notices import Notices
from feedback_app.health.service import HealthWatch
from feedback_app.hop.registry import StageRegistry
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topics
from feedback_app.runtime.heartbeat import Heartbeat
from feedback_app.runtime.leader import request_polls
from feedback_app.runtime.listeners import Listeners
from feedback_app.runtime.outbox_context import outbox_context
from feedback_app.runtime.page_view import PageView
from feedback_app.runtime.preflight import Preflight
from feedback_app.runtime.probes import Probes
from feedback_app.runtime.services import TaskService, WebServer
from feedback_app.runtime.shared_state import SharedState
from feedback_app.runtime.source_context import SourceContext
from feedback_app.runtime.status import StatusReporter, current_faults
from feedback_app.sentiment.lazy import LazyScorer
from feedback_app.settings import Settings
from feedback_app.sources import registry as source_types
from feedback_app.sources.dependencies import Connections, ServiceContext
from feedback_app.sources.polling import Poller
from feedback_app.sources.schedule import Timer
from feedback_app.web.latest import Latest
from feedback_app.web.server import attach
from models import rfc3339


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A worker's stages, and its services in the order of their start.

    `before` start before Faust's own services; `after` start after them and stop before them.
    `close` closes what is neither a service nor Faust's.
    """

    registry: StageRegistry
    receivers: Receivers
    before: Sequence[ServiceT]
    after: Sequence[ServiceT]
    close: Callable[[], Awaitable[None]]


def build(app: faust.App, settings: Settings, clock: Clock, worker: str) -> Pipeline:
    """Build everything for a worker of this name; starts and connects nothing."""
    topics = Topics.of(settings)
    reader = TopicReader(settings, clock)
    changes = Listeners()
    shared = SharedState(settings, topics, clock, changes.notify)
    registry = StageRegistry(
        app,
        stats_topic=topics.stats.name,
        dead_letters_topic=topics.dead_letters.name,
        accounts=shared,
        read_to_high_watermark=reader.read_to_high_watermark,
        clock=clock,
    )
    produce = registry.sender.produce
    scorer = LazyScorer(settings)
    receivers = Receivers(settings)
    channels = ChannelResolver(
        settings.rules,
        frozenset(name for source in settings.sources for name in source.listens),
        receivers,
        settings.partitions,
        clock.monotonic,
    )
    notices = Notices(settings.ops_channel, receivers, clock)

    sources = SourceContext(settings, topics, produce, shared, clock)
    poller = Poller(sources)
    context = outbox_context(settings, topics, receivers, channels, notices, registry, clock)
    outbox = Outbox(context)
    polls.build(registry, topics, poller)
    sentiment.build(registry, topics, scorer, settings.dedupe_hours, clock)
    alerts.build(registry, topics, channels.rules, clock)
    delivery.build(registry, topics, outbox)

    connections = slack_connections(shared, worker, clock)
    given = ServiceContext(sources, app.is_leader, reader, connections)
    beside = [TaskService(run) for run in source_types.services(settings, given)]
    timer = Timer(sources)

    async def ask() -> None:
        await request_polls(timer, topics.polls, produce, shared)

    app.timer(interval=1.0, on_leader=True, name="polls")(ask)

    preflight = Preflight(settings, topics, reader, scorer.load, channels.check_start)
    health = HealthWatch(
        settings,
        shared,
        topics.cursors.name,
        produce,
        notices,
        lambda: app.is_leader() and not app.rebalancing and registry.consumer.is_member,
        lambda: app.consumer_generation_id,
        clock,
    )

    def faults() -> dict[str, str]:
        return current_faults(registry.by_name.values(), preflight)

    status = StatusReporter(
        worker=worker,
        started_at=rfc3339(clock.time()),
        topic=topics.stats,
        clock=clock,
        registry=registry,
        sources=sources.states,
        faults=lambda: faults() | notices.raised,
        connections=lambda: connections.own(),
        model=lambda: scorer.name,
    )
    heartbeat = Heartbeat(produce, status.records, clock)
    probes = Probes(clock, registry, heartbeat, lambda: scorer.loaded, faults)

    latest = Latest(settings, topics, changes.notify)
    view = PageView(settings, shared, latest, clock, probes.snapshot, changes)
    web = WebServer(settings, lambda web_app: attach(web_app, view))
    app.web_server(web)

    async def close() -> None:
        await outbox.close()
        await poller.close()
        await channels.close()
        await receivers.close()
        scorer.close()

    return Pipeline(
        registry=registry,
        receivers=receivers,
        before=[web, preflight, shared],
        after=[heartbeat, latest, notices, health, *beside],
        close=close,
    )


def slack_connections(shared: SharedState, worker: str, clock: Clock) -> Connections:
    """Return the connections to Slack; those of other workers are in their last status."""

    def others() -> int:
        live = shared.ledger.workers(clock.time())
        return sum(status.slack_connections for status in live if status.id != worker)

    return Connections(others)

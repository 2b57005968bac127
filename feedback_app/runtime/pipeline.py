"""The pipeline of one worker: which stage works on which topic, with what."""

from collections.abc import Callable, Sequence
from typing import Any

import faust
from mode import ServiceT

import agents.delivery
import agents.polls
from feedback_app import stages
from feedback_app.alerting.channels import Channels
from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.receivers.registry import Receivers
from feedback_app.clock import Clock
from feedback_app.health.notices import Notices
from feedback_app.health.service import HealthWatch
from feedback_app.hop import Output
from feedback_app.hop.registry import StageRegistry
from feedback_app.hop.stage import Stage
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topics
from feedback_app.runtime.heartbeat import Heartbeat
from feedback_app.runtime.leader import request_polls
from feedback_app.runtime.services import Preflight, Running, WebServer
from feedback_app.runtime.shared import SharedState
from feedback_app.runtime.status import filter_account, snapshot, worker_status
from feedback_app.sentiment.lazy import LazyScorer
from feedback_app.settings import Settings
from feedback_app.sources.base import SourceState
from feedback_app.sources.schedule import Timer
from feedback_app.sources.slack.index_loader import MessageIndexLoader
from feedback_app.sources.slack.socket import SlackSocket
from feedback_app.sources.x.compliance import XCompliance
from feedback_app.sources.x.post_index import PostIndex
from feedback_app.sources.x.stream import XStream
from feedback_app.stats.dead_letters import DeadLetters
from feedback_app.stats.ledger import Ledger
from feedback_app.web.health import Health
from feedback_app.web.latest import Latest
from feedback_app.web.server import attach
from models import (
    Delivery,
    ScoredFeedback,
    rfc3339,
)


class Pipeline:
    """The stages and what they share; also what sources, alerting and the page are given."""

    def __init__(self, app: faust.App, settings: Settings, time: Clock, worker: str) -> None:
        self.app, self.settings, self.worker, self.time = app, settings, worker, time
        self.started_at = rfc3339(time.time())
        self.topics = Topics.of(settings)
        self.shared = SharedState(settings, self.topics)
        self.topic_reader = TopicReader(settings, time)
        self.states: dict[str, tuple[SourceState, float]] = {}
        self.scorer = LazyScorer(settings)
        self.registry = StageRegistry(
            app,
            stats_topic=self.topics.stats.name,
            dead_letters_topic=self.topics.dead_letters.name,
            accounts=self.shared,
            read_to_high_watermark=self.topic_reader.read_to_high_watermark,
            clock=time,
        )
        self.produce = self.registry.sender.produce
        self.web = WebServer(settings, lambda web_app: attach(web_app, self))
        app.web_server(self.web)
        self.heartbeat = Heartbeat(self.produce, self.status, time.monotonic)
        self.latest = Latest(settings, self.topics, self._changed)
        self._listeners: list[Callable[[], None]] = []
        self.shared.listeners.append(self._changed)
        self.receivers = Receivers(settings)
        listened = frozenset(name for source in settings.sources for name in source.listens)
        self.channels = Channels(
            settings.rules, listened, self.receivers, settings.partitions, time.monotonic
        )
        self.preflight = Preflight(
            settings, self.topics, self.scorer.load, self.channels.check_start
        )
        self.notices = Notices(settings.ops_channel, self.receivers, time)
        self.polls = agents.polls.build(self)
        self.outbox = agents.delivery.build(self._outbox_context())
        topics, registry = self.topics, self.registry
        self.stages: list[Stage] = [
            stages.polls(registry, topics, self.polls),
            stages.sentiment(registry, topics, self.scorer, settings.dedupe_hours, time),
            stages.alerts(registry, topics, self.channels, time),
            stages.delivery(registry, topics, self.outbox),
        ]
        self.watch = HealthWatch(
            settings,
            self.shared,
            self.topics.cursors.name,
            self.produce,
            self.notices,
            lambda: app.is_leader() and not app.rebalancing and self.registry.consumer.is_member,
            lambda: app.consumer_generation_id,
            time,
        )
        self.socket: SlackSocket | None = None
        self.sources: list[ServiceT] = self._sources()
        timer = Timer(self)

        async def ask() -> None:
            await request_polls(timer, self.topics.polls, self.produce, self.shared)

        app.timer(interval=1.0, on_leader=True, name="polls")(ask)

    def first_services(self) -> list[ServiceT]:
        """Return what starts before Faust's own services."""
        return [self.web, self.preflight, self.shared]

    def last_services(self) -> list[ServiceT]:
        """Return what starts after them, and stops before them."""
        return [self.heartbeat, self.latest, self.notices, self.watch, *self.sources]

    async def close(self) -> None:
        """Let go of what is neither a service nor Faust's."""
        await self.outbox.close()
        await self.polls.close()
        await self.channels.close()
        await self.receivers.close()
        self.scorer.close()

    def _sources(self) -> list[ServiceT]:
        """Return what runs beside the stages: the sources that are not polled."""
        kinds = {source.type for source in self.settings.sources}
        found: list[ServiceT] = []
        if "slack" in kinds:
            self.socket = SlackSocket(
                self, self.time, self.slack_connections, leading=self.app.is_leader
            )
            index = self.socket.event_handler.index
            memory = MessageIndexLoader(
                self.topic_reader, self.topics.scored, index, self.app.is_leader
            )
            found += [memory, Running(self.socket.run, memory.load)]
        if "x-stream" in kinds:
            found.append(Running(XStream(self, self.time, self.app.is_leader).run))
        if kinds & {"x-search", "x-stream"}:
            kept = PostIndex(self.topic_reader, self.topics.scored)
            found.append(Running(XCompliance(self, self.time, self.app.is_leader, kept).run))
        return found

    def _outbox_context(self) -> OutboxContext:
        return OutboxContext(
            settings=self.settings,
            topics=self.topics,
            receivers=self.receivers,
            clock=self.time,
            produce=self.produce,
            channel_id=self.channels.find,
            rebalancing=lambda: bool(self.app.rebalancing),
            assigned=lambda number: (
                number in self.stages[-1].partitions and self.registry.consumer.is_member
            ),
            notice=self.notices.tell,
            report_blocked=lambda dependency, why: self.stages[-1].report_blocked(dependency, why),
        )

    def slack_connections(self) -> int:
        """Return how many connections to Slack the whole cluster holds."""
        own = 0 if self.socket is None else self.socket.connections
        live = self.ledger.workers(self.time.time())
        return own + sum(s.slack_connections for s in live if s.id != self.worker)

    # What sources are given.

    def clock(self) -> float:
        """Return Unix seconds."""
        return self.time.time()

    def report(self, source_id: str, state: SourceState) -> None:
        """Take in the present state of a source."""
        self.states[source_id] = (state, self.time.time())

    # What the page is given.

    @property
    def ledger(self) -> Ledger:
        """All that the topic `stats` says."""
        return self.shared.ledger

    @property
    def dead_letters(self) -> DeadLetters:
        """The dead letters as a whole."""
        return self.shared.dead_letters

    @property
    def recent(self) -> Sequence[ScoredFeedback]:
        """A bounded tail of `scored`, the latest last."""
        self.latest.watch()
        return self.latest.scored

    @property
    def recent_alerts(self) -> Sequence[Delivery]:
        """A bounded tail of `deliveries`, the latest last."""
        return self.latest.deliveries

    def health(self) -> Health:
        """Return a snapshot of this process."""
        return snapshot(self)

    def status(self, stopped: bool) -> list[Output]:
        """Return what this worker says of itself, as records for `stats`."""
        name, status = self.topics.stats.name, worker_status(self, stopped)
        filtered = filter_account(self)
        return [Output(name, one.key, one.encode(), 0) for one in (status, *filtered)]

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Have `changed` called when something is new; returns the way out."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    def faults(self) -> dict[str, str]:
        """Return {outside party: what is wrong}."""
        found: dict[str, Any] = {}
        for stage in self.stages:
            found |= stage.waiting
        if self.preflight.waiting is not None:
            found["kafka"] = self.preflight.waiting
        return found

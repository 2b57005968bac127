"""The pipeline of one worker: which stage works on which topic, with what."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import faust
from mode import Service, ServiceT

import agents.alerts
import agents.delivery
import agents.polls
import agents.sentiment
from feedback_app import hop
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.slack_client import SlackClient
from feedback_app.channels import Channels
from feedback_app.clock import Clock
from feedback_app.heartbeat import Heartbeat
from feedback_app.hop import Item, Output, Produce, Result
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.record import RecordStage
from feedback_app.hop.registry import Hops
from feedback_app.hop.stage import Plan, Stage
from feedback_app.hop.types import StateTopic
from feedback_app.latest import Latest
from feedback_app.leader import request_polls
from feedback_app.notices import Notices
from feedback_app.readback import ReadBack
from feedback_app.sentiment.choose import load_scorer
from feedback_app.sentiment.classifier import Probabilities
from feedback_app.sentiment.scorer import Scorer
from feedback_app.services import Preflight, WebServer
from feedback_app.settings import Settings
from feedback_app.shared import SharedState
from feedback_app.slack_memory import SlackMemory
from feedback_app.sources.base import SourceState
from feedback_app.sources.schedule import Timer
from feedback_app.sources.slack_socket import SlackSocket
from feedback_app.sources.x_compliance import XCompliance
from feedback_app.sources.x_kept import KeptPosts
from feedback_app.sources.x_stream import XStream
from feedback_app.status import filter_account, snapshot, worker_status
from feedback_app.topics import Topics
from feedback_app.web.health import Health
from feedback_app.web.ledger import Ledger
from feedback_app.web.server import attach
from models import (
    Alert,
    Delivery,
    Feedback,
    PollRequest,
    ScoredFeedback,
    rfc3339,
)

SENTIMENT_TAKE = 256
"""Records of a sentiment batch: some model batches, so that the model never waits for records."""
DELIVERY_ROOM = 10_000
"""Alerts of a partition that may be read and not delivered; then that partition waits."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What the outbox is given; see `alerting.context.Context`."""

    settings: Settings
    topics: Topics
    slack: SlackClient
    clock: Clock
    produce: Produce
    rebalancing: Callable[[], bool]
    assigned: Callable[[int], bool]
    notice: Callable[[str, str], None]
    waits: Callable[[str, str | None], None]
    book: Channels

    @property
    def channels(self) -> Mapping[str, str]:
        """{Slack channel id: its name as configured}."""
        return self.book.names


class Running(Service):
    """Runs something for as long as the worker, after what must come first."""

    def __init__(
        self, run: Callable[[], Awaitable[None]], first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        super().__init__()
        self._run, self._first = run, first

    @Service.task
    async def _running(self) -> None:
        if self._first is not None:
            await self._first()
        await self._run()


class Pipeline:
    """The stages and what they share; also what sources, alerting and the page are given."""

    def __init__(self, app: faust.App, settings: Settings, time: Clock, worker: str) -> None:
        self.app, self.settings, self.worker, self.time = app, settings, worker, time
        self.started_at = rfc3339(time.time())
        self.topics = Topics.of(settings)
        self.shared = SharedState(settings, self.topics)
        self.readback = ReadBack(settings, time)
        self.states: dict[str, tuple[SourceState, float]] = {}
        self.scorer: Scorer | None = None
        self.hops = Hops(
            app,
            stats_topic=self.topics.stats.name,
            dead_letters_topic=self.topics.dead_letters.name,
            ledger=self.shared,
            read_to_end=self.readback.to_end,
            clock=time,
        )
        self.produce = self.hops.sender.produce
        self.web = WebServer(settings, lambda web_app: attach(web_app, self))
        app.web_server(self.web)
        self.preflight = Preflight(settings, self.topics, self.load_model)
        self.heartbeat = Heartbeat(self.produce, self.status, time.monotonic)
        self.latest = Latest(settings, self.topics, self._changed)
        self._listeners: list[Callable[[], None]] = []
        self.shared.listeners.append(self._changed)
        token = settings.slack_bot_token
        self.slack = SlackClient(
            "" if token is None else token.get_secret_value(), settings.slack_api_url
        )
        self.channels = Channels(settings.rules, self.slack)
        self.notices = Notices(settings.ops_channel, self.slack, time)
        self.stages: list[Stage] = [
            self._polls(),
            self._sentiment(),
            self._alerts(),
            self._delivery(),
        ]
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
        return [self.heartbeat, self.latest, self.notices, *self.sources]

    async def close(self) -> None:
        """Let go of what is neither a service nor Faust's."""
        await self.outbox.close()
        await self.polls.close()
        await self.slack.close()
        if self.scorer is not None:
            self.scorer.close()

    def load_model(self) -> None:
        """Load the classifier; blocks. Raises ModelError."""
        self.scorer = load_scorer(self.settings)

    def _polls(self) -> Stage:
        self.polls = agents.polls.build(self)
        plan = Plan(
            name="polls",
            topic=self.topics.polls.name,
            decode=PollRequest.decode,
            group=lambda request: request.source,
        )
        return self.hops.add(
            lambda links: RecordStage(plan, links, self.polls, seen=self.hops.seen)
        )

    def _alerts(self) -> Stage:
        topic, clock, channels = self.topics.alerts.name, self.time.time, self.channels

        async def alerts(items: Sequence[Item[ScoredFeedback]]) -> list[Result]:
            return await agents.alerts.build(await channels.rules(), topic, clock)(items)

        plan = Plan(
            name="alerts",
            topic=self.topics.scored.name,
            decode=ScoredFeedback.decode,
            group=lambda scored: scored.feedback.source,
        )
        return self.hops.add(lambda links: BatchStage(plan, links, alerts, seen=self.hops.seen))

    def _delivery(self) -> Stage:
        self.outbox = agents.delivery.build(
            Sending(
                settings=self.settings,
                topics=self.topics,
                slack=self.slack,
                clock=self.time,
                produce=self.produce,
                rebalancing=lambda: bool(self.app.rebalancing),
                assigned=lambda number: number in self.stages[-1].partitions,
                notice=self.notices.tell,
                waits=self._wait,
                book=self.channels,
            )
        )

        async def deliver(item: Item[Alert]) -> Result:
            await self.channels.rules()  # the names that accounts are kept under
            return await self.outbox.deliver(item)

        plan = Plan(
            name="delivery",
            topic=self.topics.alerts.name,
            decode=Alert.decode,
            group=lambda alert: self.channels.names.get(alert.channel, alert.channel),
            dead=("created", "dead_lettered"),
            state=StateTopic(self.topics.deliveries.name, DeliveryState),
        )
        return self.hops.add(
            lambda links: RecordStage(
                plan,
                links,
                deliver,
                room=DELIVERY_ROOM,
                pending=self.outbox.pending,
                seen=self.hops.seen,
            )
        )

    def _sources(self) -> list[ServiceT]:
        """Return what runs beside the stages: the sources that are not polled."""
        kinds = {source.type for source in self.settings.sources}
        found: list[ServiceT] = []
        if "slack" in kinds:
            self.socket = SlackSocket(
                self, self.time, self.slack_connections, leading=self.app.is_leader
            )
            known = self.socket.intake.known
            memory = SlackMemory(self.readback, self.topics.scored, known, self.app.is_leader)
            found += [memory, Running(self.socket.run, memory.load)]
        if "x-stream" in kinds:
            found.append(Running(XStream(self, self.time, self.app.is_leader).run))
        if kinds & {"x-search", "x-stream"}:
            kept = KeptPosts(self.readback, self.topics.scored)
            found.append(Running(XCompliance(self, self.time, self.app.is_leader, kept).run))
        return found

    def _wait(self, party: str, why: str | None) -> None:
        declared = self.stages[-1].declared
        if why is None:
            declared.pop(party, None)
        else:
            declared[party] = why

    def slack_connections(self) -> int:
        """Return how many connections to Slack the whole cluster holds."""
        own = 0 if self.socket is None else self.socket.connections
        live = self.ledger.workers(self.time.time())
        return own + sum(s.slack_connections for s in live if s.id != self.worker)

    def _sentiment(self) -> Stage:
        topics, time, hours = self.topics, self.time.time, self.settings.dedupe_hours

        def state(partition: int) -> agents.sentiment.SentimentState:
            return agents.sentiment.SentimentState(partition, hours, time)

        plan = Plan(
            name="sentiment",
            topic=topics.raw.name,
            decode=Feedback.decode,
            group=lambda feedback: feedback.source,
            taken="ingested",
            state=StateTopic(topics.scored.name, state, hours),
        )
        handler = agents.sentiment.build(self, topics.scored.name, time)
        seen = self.hops.seen
        return self.hops.add(
            lambda links: BatchStage(plan, links, handler, take=SENTIMENT_TAKE, seen=seen)
        )

    # What the sentiment stage is given.

    @property
    def name(self) -> str:
        """Model and way of computing."""
        return "" if self.scorer is None else self.scorer.name

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes of the languages that the model can score; None means any."""
        return None if self.scorer is None else self.scorer.languages

    async def score(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return one result a text; the model is loaded before the first record is read."""
        if self.scorer is None:
            raise hop.OutsideFault("model", "the model is being loaded")
        return await self.scorer.score(texts)

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

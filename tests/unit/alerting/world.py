"""A Kafka topic and a receiver in memory, and workers with an outbox between them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.outbox import Outbox
from feedback_app.alerting.outcome import Outcome
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.alerting.receivers.kind import ReceiverKind
from feedback_app.alerting.receivers.slack.message import SlackMessage
from feedback_app.alerting.receivers.slack.receiver import SlackReceiver
from feedback_app.clock import Clock
from feedback_app.hop import Item, Output, Result, Row, TransientError
from feedback_app.hop.accounts import tally
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.slack.channel import CHANNEL_FORM
from models import Alert, Delivery, rfc3339
from models.account import Counts
from models.alert import PUT, RETRACT, alert_id
from tests.support.memory_receiver import (
    ID_PREFIX,
    LATENCY_S,
    PREFIX,
    Content,
    MemoryReceiver,
    Standing,
    kind_of,
)
from tests.unit.alerting.virtual import START, VirtualClock

NEGATIVE, POSITIVE = "C0NEGATIVE", "C0POSITIVE"
CHANNELS = {NEGATIVE: "#negative-feedback", POSITIVE: "#positive-feedback"}


def alert(
    feedback: str = "x:1",
    revision: int = 0,
    op: str = PUT,
    channel: str = NEGATIVE,
    at: float = START,
    **fields: Any,
) -> Alert:
    """Return an alert of the rule `negative`."""
    content: dict[str, Any] = (
        {"score": 0.1, "label": "negative", "text": f"{feedback} r{revision}"} if op == PUT else {}
    )
    return Alert(
        id=alert_id("negative", feedback),
        op=op,
        rule="negative",
        channel=channel,
        feedback_id=feedback,
        revision=revision,
        alerted_at=rfc3339(at),
        **({"source": "x", "channel_name": CHANNELS.get(channel, channel)} | content | fields),
    )


def retract(feedback: str = "x:1", revision: int = 1, channel: str = NEGATIVE) -> Alert:
    """Return the withdrawal of an alert."""
    return alert(feedback, revision, RETRACT, channel)


@dataclass
class Topic:
    """One partition of `deliveries`."""

    rows: list[Row] = field(default_factory=list)

    def append(self, output: Output) -> None:
        at = VirtualClock().time()
        assert output.partition is not None
        self.rows.append(Row(output.partition, len(self.rows), output.key, output.value, at))

    def state(self) -> DeliveryState:
        """Return the state that a worker reads from it."""
        state = DeliveryState(0)
        for row in self.rows:
            state.restore(row)
        return state


class Fake(MemoryReceiver):
    """A receiver whose channels the tests name as Slack does: `C0NEGATIVE`, `#negative-feedback`.

    `local` turns such a name into this receiver's own, `plain` turns it back.
    """

    form = r"memory:\S+"

    def __init__(self) -> None:
        super().__init__(VirtualClock())
        self.seen_after = 1.0
        self.calls: Callable[[str, str], Outcome | None] = lambda call, channel: None
        """May replace the outcome of a call into a channel by its plain name."""
        self.answers = lambda call, channel: self.calls(call, self.plain(channel))
        for one in CHANNELS:
            self.open(one)

    def open(self, channel: str) -> None:
        """Make a channel of this plain id."""
        self.messages[self.local(channel)] = {}

    @staticmethod
    def local(channel: str) -> str:
        if channel.startswith("#"):
            return PREFIX + channel[1:]
        return ID_PREFIX + channel if channel else ""

    @staticmethod
    def plain(channel: str) -> str:
        if channel.startswith(ID_PREFIX):
            return channel.removeprefix(ID_PREFIX)
        return "#" + channel.removeprefix(PREFIX)

    def dependency(self, channel: str) -> str:
        """Return what is reported while a channel is waited for."""
        return f"{self.name} {self.local(channel)}"

    def standing(self, channel: str = NEGATIVE) -> dict[str, Standing]:
        """Return the messages of a channel by their ts."""
        return self.messages[self.local(channel)]

    def posted(self) -> list[tuple[float, str]]:
        """Return when a post was tried, and into which channel."""
        return [(at, self.plain(channel)) for at, channel in self.posts]

    def carried(self) -> Counter[str]:
        """Return how many messages carry each alert id."""
        return Counter(
            alert_id
            for channel in self.messages.values()
            for standing in channel.values()
            for alert_id in standing.content.alerts
        )

    def texts(self, channel: str = NEGATIVE) -> list[str]:
        """Return all that is written in each message of a channel."""
        return [one.content.text for one in self.standing(channel).values()]


class FakeSlack(Fake):
    """Slack's channels and rendering, in memory."""

    name, title, form = "slack", "Slack", CHANNEL_FORM.pattern
    max_digest = SlackReceiver.max_digest

    @staticmethod
    def local(channel: str) -> str:
        return channel

    plain = local

    def is_id(self, channel: str) -> bool:
        return not channel.startswith("#")

    single = staticmethod(SlackReceiver.single)
    withdrawal = staticmethod(SlackReceiver.withdrawal)
    digest = staticmethod(SlackReceiver.digest)
    line = staticmethod(SlackReceiver.line)
    withdrawn_line = staticmethod(SlackReceiver.withdrawn_line)

    def content_of(self, message: Any) -> Content:
        assert isinstance(message, SlackMessage)
        payload = message.metadata["event_payload"]
        return Content("alert", payload["id"], tuple(payload["alerts"]), str(message.blocks))


NewReceiver = Callable[[], Fake]


class Worker:
    """A worker with one partition: its context, and the stage around the outbox in small."""

    def __init__(
        self,
        topic: Topic,
        slack: Fake,
        clock: Clock | None = None,
        *more: ReceiverKind,
        **settings: Any,
    ) -> None:
        given: dict[str, Any] = {"slack_posts_per_second": 0, "alert_digest_above": 0}
        self.settings = Settings.model_validate(given | settings)
        self.topics = Topics.of(self.settings)
        self.channels = CHANNELS
        self.slack = slack
        self.clock = clock or VirtualClock()
        self.topic = topic
        self.state = topic.state()
        self.owner = True
        self.moving = False
        self.notices: list[tuple[str, str]] = []
        self.waiting: dict[str, str] = {}
        self.produced = 0
        self.before_produce: Callable[[int], None] = lambda number: None
        self.after_produce: Callable[[int], None] = lambda number: None
        context = OutboxContext(
            settings=self.settings,
            topics=self.topics,
            receivers=Receivers(self.settings, (kind_of(slack, slack.form), *more)),
            clock=self.clock,
            produce=self.produce,
            channel_id=self.channel_id,
            rebalancing=lambda: self.moving,
            assigned=lambda partition: self.owner,
            notice=self.notice,
            report_blocked=self.report_blocked,
            uniform=lambda low, high: 1.0,
        )
        self.outbox = Outbox(context)

    async def channel_id(self, channel: str) -> str:
        """Return the id of a channel, once its receiver knows it."""
        if self.slack.is_id(channel):
            return channel
        found = {self.slack.local(name): self.slack.local(id) for id, name in self.channels.items()}
        if channel not in found:
            raise TransientError(self.slack.name, f"no {channel}")
        return found[channel]

    async def produce(self, outputs: Sequence[Output]) -> None:
        """Append to the topic."""
        self.produced += 1
        number = self.produced
        await asyncio.sleep(LATENCY_S)
        self.before_produce(number)
        for output in outputs:
            self.topic.append(output)
        await asyncio.sleep(LATENCY_S)
        self.after_produce(number)

    def notice(self, key: str, text: str) -> None:
        self.notices.append((key, text))

    def report_blocked(self, dependency: str, why: str | None) -> None:
        if why is None:
            self.waiting.pop(dependency, None)
        else:
            self.waiting[dependency] = why

    def item(self, offset: int, what: Alert) -> Item[Alert]:
        """Return an alert into a channel with a plain name as an item of this receiver."""
        local = self.slack.local
        what = what.derive(channel=local(what.channel), channel_name=local(what.channel_name))
        return Item(
            self.topics.alerts.name,
            0,
            offset,
            what.channel.encode(),
            START,
            what,
            self.state,
        )

    async def deliver(self, offset: int, what: Alert) -> Result:
        """Carry out one record as the stage does."""
        result = await self.outbox.deliver(self.item(offset, what))
        if result.outputs:
            await self.produce(result.outputs)
        return result

    async def deliver_all(self, alerts: Sequence[Alert], first: int = 0) -> list[Result]:
        """Carry out records that wait together; offsets run from `first`."""
        tasks = [
            asyncio.ensure_future(self.deliver(first + place, one))
            for place, one in enumerate(alerts)
        ]
        return list(await asyncio.gather(*tasks))

    def known(self, feedback: str = "x:1") -> Delivery | None:
        return self.state.get(alert_id("negative", feedback))


def kafka_down() -> None:
    """Fail as the stage's producer does while the broker is away."""
    raise TransientError("kafka", "no broker")


def total(results: Sequence[Result]) -> dict[str, int]:
    """Return what results count as together, zeros left out; every count is of one channel."""
    counts: Counts = {}
    for result in results:
        tally(result.counts, counts)
    added: Counter[str] = Counter()
    for names in counts.values():
        for name, number in names.items():
            added[name] += number
    return {name: number for name, number in added.items() if number}

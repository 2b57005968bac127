"""A Kafka topic and a Slack workspace in memory, and workers with an outbox between them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.message import Message
from feedback_app.alerting.outbox import Outbox
from feedback_app.hop import Item, Output, Result, Row, TransientError
from feedback_app.hop.accounts import tally
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.slack.client import Found, LookFailed
from feedback_app.slack.outcome import Done, NotDone, Outcome, Refused, Uncertain
from models import Alert, Delivery, rfc3339
from models.account import Counts
from models.alert import PUT, RETRACT, alert_id
from tests.unit.alerting.virtual import START, VirtualClock

NEGATIVE, POSITIVE = "C0NEGATIVE", "C0POSITIVE"
CHANNELS = {NEGATIVE: "#negative-feedback", POSITIVE: "#positive-feedback"}
LATENCY_S = 0.01


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


@dataclass
class Standing:
    """A message in a channel."""

    message: Message
    at: float
    updates: int = 0


class FakeSlack:
    """Slack; `answers` may replace what happens to a call: ("post", "update" or "delete")."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Standing]] = {NEGATIVE: {}, POSITIVE: {}}
        self.seen_after = 1.0
        """Seconds until a post shows in the history."""
        self.answers: Callable[[str, str], Outcome | None] = lambda call, channel: None
        self.lost: Callable[[int], bool] = lambda number: False
        """Whether the answer to the n-th post is lost, though the post was taken."""
        self.down_until = 0.0
        self.slow_connects: set[int] = set()
        """Posts whose connection takes longer than a claim is good for."""
        self.before_post: Callable[[], None] = lambda: None
        self.posts: list[tuple[float, str]] = []
        self.finds = 0
        self._stamp = 0

    async def post(self, channel: str, message: Message, may_send: Callable[[], bool]) -> Outcome:
        number = len(self.posts)
        self.posts.append((VirtualClock().time(), channel))
        if (answer := await self._answer("post", channel)) is not None:
            return answer
        self.before_post()
        if number in self.slow_connects:
            await asyncio.sleep(3)
        if not may_send():
            return NotDone("Withheld")
        self._stamp += 1
        ts = f"{VirtualClock().time():.3f}{self._stamp:03d}"
        self.messages[channel][ts] = Standing(message, VirtualClock().time())
        await asyncio.sleep(LATENCY_S)
        if self.lost(number):
            await asyncio.sleep(8)
            return Uncertain("TimeoutError")
        return Done(ts)

    async def update(self, channel: str, ts: str, message: Message) -> Outcome:
        if (answer := await self._answer("update", channel)) is not None:
            return answer
        if ts not in self.messages[channel]:
            return Refused("message_not_found", whole_channel=False)
        standing = self.messages[channel][ts]
        standing.message, standing.updates = message, standing.updates + 1
        await asyncio.sleep(LATENCY_S)
        return Done(ts)

    async def delete(self, channel: str, ts: str) -> Outcome:
        if (answer := await self._answer("delete", channel)) is not None:
            return answer
        del self.messages[channel][ts]
        return Done(ts)

    async def find(self, channel: str, since: float) -> list[Found]:
        self.finds += 1
        await asyncio.sleep(LATENCY_S)
        now = VirtualClock().time()
        if now < self.down_until:
            raise LookFailed(NotDone("ClientConnectorError"))
        return [
            Found(ts, one.message.metadata["event_payload"]["id"], 0)
            for ts, one in self.messages[channel].items()
            if one.at >= since and one.at + self.seen_after <= now
        ]

    async def _answer(self, call: str, channel: str) -> Outcome | None:
        await asyncio.sleep(LATENCY_S)
        if VirtualClock().time() < self.down_until:
            return NotDone("ClientConnectorError")
        return self.answers(call, channel)

    def carried(self) -> Counter[str]:
        """Return how many messages carry each alert id."""
        return Counter(
            alert_id
            for channel in self.messages.values()
            for standing in channel.values()
            for alert_id in standing.message.metadata["event_payload"]["alerts"]
        )

    def texts(self, channel: str = NEGATIVE) -> list[str]:
        """Return all that is written in each message of a channel."""
        return [str(one.message.blocks) for one in self.messages[channel].values()]


class Worker:
    """A worker with one partition: its context, and the hop around the outbox in small."""

    def __init__(self, topic: Topic, slack: FakeSlack, **settings: Any) -> None:
        given: dict[str, Any] = {"slack_posts_per_second": 0, "alert_digest_above": 0}
        self.settings = Settings.model_validate(given | settings)
        self.topics = Topics.of(self.settings)
        self.channels = CHANNELS
        self.slack = slack
        self.clock = VirtualClock()
        self.topic = topic
        self.state = topic.state()
        self.owner = True
        self.moving = False
        self.notices: list[tuple[str, str]] = []
        self.waiting: dict[str, str] = {}
        self.produced = 0
        self.before_produce: Callable[[int], None] = lambda number: None
        self.after_produce: Callable[[int], None] = lambda number: None
        self.outbox = Outbox(self)

    async def channel_id(self, channel: str) -> str:
        """Return the id of a channel, once Slack knows it."""
        if not channel.startswith("#"):
            return channel
        found = {name: id for id, name in self.channels.items()}
        if channel not in found:
            raise TransientError("slack", f"no {channel}")
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

    def rebalancing(self) -> bool:
        return self.moving

    def assigned(self, partition: int) -> bool:
        return self.owner

    def notice(self, key: str, text: str) -> None:
        self.notices.append((key, text))

    def report_blocked(self, dependency: str, why: str | None) -> None:
        if why is None:
            self.waiting.pop(dependency, None)
        else:
            self.waiting[dependency] = why

    def item(self, offset: int, what: Alert) -> Item[Alert]:
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
        """Carry out one record as the hop does."""
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
    """Fail as the hop's producer does while the broker is away."""
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

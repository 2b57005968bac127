"""A receiver that keeps its messages in memory, for channels such as `memory:name`.

It has what a receiver needs and no more, and the faults that a test asks for.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feedback_app.alerting.outcome import Done, NotDone, Outcome, Refused, Uncertain
from feedback_app.alerting.receivers.base import (
    FindFailed,
    FoundMessage,
    Purpose,
    Resolved,
)
from feedback_app.alerting.receivers.kind import ReceiverKind
from feedback_app.clock import Clock
from feedback_app.hop import TransientError
from models import Alert

PREFIX, ID_PREFIX = "memory:", "memory:/"
LATENCY_S = 0.01
ANSWER_LOST_S = 8.0


class Content(NamedTuple):
    """A message as this receiver renders it, and what a test looks at in any message."""

    purpose: Purpose
    lookup: str
    alerts: tuple[str, ...]
    text: str


@dataclass
class Standing:
    """A message in a channel; `content` is what stands in it now."""

    content: Content
    at: float
    updates: int = 0


class MemoryReceiver:
    """Channels by name, messages by channel id and ts.

    `answers` may replace the outcome of a call: ("post", "update" or "delete", channel id).
    """

    name = "memory"
    title = "Memory"
    max_digest = 40

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.channels: dict[str, str] = {}
        """{name as configured: id}"""
        self.messages: dict[str, dict[str, Standing]] = {}
        self.seen_after = 0.0
        """Seconds until a post shows in the history."""
        self.answers: Callable[[str, str], Outcome | None] = lambda call, channel: None
        self.lost: Callable[[int], bool] = lambda number: False
        """Whether the answer to the n-th post is lost, though the post was taken."""
        self.down_until = 0.0
        self.slow_connects: set[int] = set()
        """Posts whose connection takes longer than an intent is good for."""
        self.before_post: Callable[[], None] = lambda: None
        self.posts: list[tuple[float, str]] = []
        self.finds = 0
        self._stamp = 0

    def create(self, name: str) -> str:
        """Make a channel and return its id."""
        found = self.channels[name] = f"{ID_PREFIX}{len(self.channels) + 1}"
        self.messages[found] = {}
        return found

    def is_id(self, channel: str) -> bool:
        return channel.startswith(ID_PREFIX)

    async def resolve(self, names: Collection[str], *, verify: bool = False) -> Resolved:
        if self.down:
            raise TransientError(self.name, "cannot list the channels: it is down")
        known = self.channels | {id: id for id in self.channels.values()}
        known |= {} if verify else {name: name for name in names if self.is_id(name)}
        ids = {name: known[name] for name in names if name in known}
        return Resolved(ids, {name: f"there is no {name}" for name in names if name not in ids})

    def single(self, alert: Alert) -> Any:
        return Content("alert", alert.id, (alert.id,), self.line(alert))

    def withdrawal(self, alert: Alert) -> Any:
        return Content("alert", alert.id, (alert.id,), self.withdrawn_line(alert))

    def digest(self, lookup: str, revision: int, members: Sequence[tuple[str, str]]) -> Any:
        alerts = tuple(alert_id for alert_id, _ in members)
        return Content("alert", lookup, alerts, "\n".join(line for _, line in members))

    def line(self, alert: Alert) -> str:
        return f"{alert.score}: {alert.text[:100]}"

    def withdrawn_line(self, alert: Alert) -> str:
        return "Withdrawn"

    def notice(self, lookup: str, text: str) -> Any:
        return Content("notice", lookup, (), text)

    def content_of(self, message: Any) -> Content:
        """Return what a test looks at in a message; the rendering of another receiver differs."""
        assert isinstance(message, Content)
        return message

    async def post(self, channel: str, message: Any, may_send: Callable[[], bool]) -> Outcome:
        number = len(self.posts)
        self.posts.append((self.clock.time(), channel))
        if (answer := await self._answer("post", channel)) is not None:
            return answer
        self.before_post()
        if number in self.slow_connects:
            await self.clock.sleep(3)
        if not may_send():
            return NotDone("Withheld")
        self._stamp += 1
        ts = f"{self.clock.time():.3f}{self._stamp:03d}"
        self.messages[channel][ts] = Standing(self.content_of(message), self.clock.time())
        await self.clock.sleep(LATENCY_S)
        if self.lost(number):
            await self.clock.sleep(ANSWER_LOST_S)
            return Uncertain("TimeoutError")
        return Done(ts)

    async def find(
        self, channel: str, since: float, purpose: Purpose = "alert"
    ) -> list[FoundMessage]:
        self.finds += 1
        await self.clock.sleep(LATENCY_S)
        if self.down:
            raise FindFailed(NotDone("ClientConnectorError"))
        if channel not in self.messages:
            raise FindFailed(Refused("no such channel", whole_channel=True))
        return [
            FoundMessage(ts, one.content.lookup)
            for ts, one in self.messages[channel].items()
            if one.content.purpose == purpose
            and one.at >= since
            and one.at + self.seen_after <= self.clock.time()
        ]

    async def update(self, channel: str, ts: str, message: Any) -> Outcome:
        if (answer := await self._answer("update", channel)) is not None:
            return answer
        if ts not in self.messages[channel]:
            return Refused("no such message", whole_channel=False, gone=True)
        standing = self.messages[channel][ts]
        standing.content, standing.updates = self.content_of(message), standing.updates + 1
        await self.clock.sleep(LATENCY_S)
        return Done(ts)

    async def delete(self, channel: str, ts: str) -> Outcome:
        if (answer := await self._answer("delete", channel)) is not None:
            return answer
        if self.messages[channel].pop(ts, None) is None:
            return Refused("no such message", whole_channel=False, gone=True)
        return Done(ts)

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def down(self) -> bool:
        """Whether nothing is answered now."""
        return self.clock.time() < self.down_until

    async def _answer(self, call: str, channel: str) -> Outcome | None:
        await self.clock.sleep(LATENCY_S)
        if self.down:
            return NotDone("ClientConnectorError")
        if channel not in self.messages:
            return Refused("no such channel", whole_channel=True)
        return self.answers(call, channel)


def kind_of(receiver: MemoryReceiver, form: str = r"memory:\S+") -> ReceiverKind:
    """Return the row that registers this receiver."""
    return ReceiverKind(
        name=receiver.name,
        channel_form=re.compile(form),
        form_in_words="memory:name",
        posts_per_second=lambda settings: settings.slack_posts_per_second,
        missing=lambda settings: None,
        build=lambda settings: receiver,
    )

"""Each kind of receiver with a service behind it that a test can spoil."""

from typing import Protocol

from feedback_app.alerting.outcome import NotDone, Refused
from feedback_app.alerting.receivers import slack
from feedback_app.alerting.receivers.base import Receiver
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.alerting.receivers.kind import ReceiverKind
from feedback_app.alerting.receivers.registry import KINDS
from feedback_app.sandbox import SLACK_BOT_TOKEN, ManualClock, Sandbox
from feedback_app.settings import Settings
from tests.support.clocks import HandClock
from tests.support.memory_receiver import MemoryReceiver, kind_of

START = 1_790_000_000.0


class Place(Protocol):
    """A service with one channel, and the receiver of it."""

    kind: ReceiverKind
    kinds: tuple[ReceiverKind, ...]
    """The table with a row for this kind."""
    receiver: Receiver
    name: str
    """The channel as configured."""
    missing: str
    """A channel as configured that does not exist."""

    async def start(self) -> None:
        """Make the service."""

    async def stop(self) -> None:
        """Take the service away; nothing answers any more."""

    def texts(self) -> list[str]:
        """Return what stands in each message of the channel, oldest first."""

    def pass_time(self, seconds: float) -> None:
        """Move the clock of the service."""

    def refuse(self) -> None:
        """Let the channel take no messages."""

    def limit(self, seconds: float) -> None:
        """Ask to wait with each post for so long."""

    def lose_answers(self) -> None:
        """Carry out the next post and lose the answer."""


class SlackPlace:
    """Slack's receiver on the sandbox."""

    kind, kinds = slack.KIND, KINDS
    name, missing = "#negative-feedback", "#nowhere"

    async def start(self) -> None:
        self.clock = ManualClock(START)
        self.box = Sandbox(clock=self.clock, posts_per_second=None, slack={"history_delay": (0, 0)})
        await self.box.start()
        tokens = {"slack_bot_token": SLACK_BOT_TOKEN, "slack_api_url": self.box.slack_url}
        self.receiver = Receivers(Settings.model_validate(tokens)).of(self.name)

    async def stop(self) -> None:
        await self.receiver.close()
        await self.box.stop()

    def texts(self) -> list[str]:
        return [
            message.text + str(message.blocks)
            for message in self.box.slack.channel(self.name).messages
        ]

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def refuse(self) -> None:
        self.box.slack.archive(self.name)

    def limit(self, seconds: float) -> None:
        self.box.slack.limit(self.name, seconds)

    def lose_answers(self) -> None:
        self.box.faults.set(["lost-answer"], share=1.0)


class MemoryPlace:
    """The receiver in memory."""

    name, missing = "memory:negative-feedback", "memory:nowhere"

    async def start(self) -> None:
        self.clock = HandClock(START)
        self.receiver: Receiver
        self.memory = self.receiver = MemoryReceiver(self.clock)
        self.channel = self.memory.create(self.name)
        self.kind = kind_of(self.memory)
        self.kinds = (*KINDS, self.kind)

    async def stop(self) -> None:
        self.memory.down_until = float("inf")

    def texts(self) -> list[str]:
        return [one.content.text for one in self.memory.messages[self.channel].values()]

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    def refuse(self) -> None:
        self.memory.answers = lambda call, channel: Refused("closed", whole_channel=True)

    def limit(self, seconds: float) -> None:
        self.memory.answers = lambda call, channel: NotDone("busy", seconds)

    def lose_answers(self) -> None:
        self.memory.lost = lambda number: True

"""What the outbox is given by the worker that it runs in."""

from collections.abc import Callable
from typing import Protocol

from feedback_app.alerting.message import Message
from feedback_app.clock import Clock
from feedback_app.hop import Produce
from feedback_app.kafka.topics import Topics
from feedback_app.settings import Settings
from feedback_app.slack.client import Found
from feedback_app.slack.outcome import Outcome


class Slack(Protocol):
    """The part of the Slack client that delivers; see `slack_client` for the contract."""

    async def post(self, channel: str, message: Message, may_send: Callable[[], bool]) -> Outcome:
        """Post into a channel id."""

    async def update(self, channel: str, ts: str, message: Message) -> Outcome:
        """Replace a message."""

    async def delete(self, channel: str, ts: str) -> Outcome:
        """Delete a message."""

    async def find(self, channel: str, since: float) -> list[Found]:
        """Return our messages in a channel since a Unix time, oldest first."""


class Context(Protocol):
    """The worker, as the outbox sees it."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def topics(self) -> Topics:
        """The topics."""

    @property
    def slack(self) -> Slack:
        """Slack."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def produce(self) -> Produce:
        """Sends records and returns when the broker has them; raises OutsideFault."""

    async def channel_id(self, channel: str) -> str:
        """Return the Slack id of an alert's channel; raises OutsideFault while there is none."""

    def rebalancing(self) -> bool:
        """Whether a rebalance has begun and not ended."""

    def assigned(self, partition: int) -> bool:
        """Whether a partition of the alerts is this worker's."""

    def notice(self, key: str, text: str) -> None:
        """Tell the operations channel; `key` names what it is about."""

    def report_blocked(self, dependency: str, why: str | None) -> None:
        """Show that an outside party is waited for, or with None that it no longer is."""

"""Alert: an operation on one Slack message, on the topic `alerts`."""

import hashlib

from models.wire import Wire

PUT = "put"
RETRACT = "retract"


class Alert(Wire):
    """`put` posts or updates the message of an alert id, `retract` withdraws it.

    `channel` is the Kafka key: the channel's id, or its name until the receiver knows the id.
    `channel_name` is the channel as configured, by which the alert is queued and counted.
    `revision` is the feedback's.
    """

    VERSION = 1

    id: str
    op: str
    rule: str
    channel: str
    feedback_id: str
    revision: int = 0
    text: str = ""
    score: float | None = None
    label: str | None = None
    probabilities: dict[str, float] | None = None
    source: str = ""
    author: str | None = None
    url: str | None = None
    created_at: str | None = None
    alerted_at: str | None = None
    channel_name: str = ""
    version: int = 1

    @property
    def queue(self) -> str:
        """The name that stays the same whether or not the channel id is known yet."""
        return self.channel_name or self.channel


def alert_id(rule: str, feedback_id: str) -> str:
    """Return the id of a rule's alert on a feedback: 32 hex digits, equal for all revisions."""
    return hashlib.sha256(f"{rule}\0{feedback_id}".encode()).hexdigest()[:32]

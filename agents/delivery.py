"""The delivery stage: operations on alerts in, messages in Slack out, each alert once."""

from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.outbox import Outbox


def build(context: OutboxContext) -> Outbox:
    """Return the outbox: `deliver` is the record handler, `pending` its account of what waits.

    `close` ends what it runs in the background.
    """
    return Outbox(context)

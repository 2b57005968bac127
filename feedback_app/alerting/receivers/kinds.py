"""The table of receivers. The configuration checks each channel against it."""

from collections.abc import Sequence

from feedback_app.alerting.receivers import slack
from feedback_app.alerting.receivers.kind import ReceiverKind

KINDS: tuple[ReceiverKind, ...] = (slack.KIND,)
"""One row for each kind of receiver."""


def kind_of(channel: str, kinds: Sequence[ReceiverKind] = KINDS) -> ReceiverKind | None:
    """Return the kind of receiver that a channel belongs to, None where its form fits none."""
    return next((kind for kind in kinds if kind.channel_form.fullmatch(channel)), None)

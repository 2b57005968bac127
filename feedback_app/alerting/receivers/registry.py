"""The table of receivers. The configuration checks each channel against it."""

from collections.abc import Sequence

from feedback_app.alerting.receivers import slack
from feedback_app.alerting.receivers.kind import ReceiverKind
from feedback_app.settings import Settings

KINDS: tuple[ReceiverKind, ...] = (slack.KIND,)
"""One row for each kind of receiver."""


def kind_of(channel: str, kinds: Sequence[ReceiverKind] = KINDS) -> ReceiverKind | None:
    """Return the kind of receiver that a channel belongs to, None where its form fits none."""
    return next((kind for kind in kinds if kind.channel_form.fullmatch(channel)), None)


def channel_problem(channel: str) -> str | None:
    """Return what to write where no receiver has channels of this form, else None."""
    if kind_of(channel) is not None:
        return None
    forms = " or ".join(kind.form_in_words for kind in KINDS)
    return f"{channel!r} is no channel: write {forms}"


def missing_setting(settings: Settings) -> str | None:
    """Return the first setting without which alerts of the rules cannot be delivered, if any."""
    kinds = (kind_of(rule.channel) for rule in settings.rules)
    return next((why for kind in kinds if kind and (why := kind.missing(settings))), None)

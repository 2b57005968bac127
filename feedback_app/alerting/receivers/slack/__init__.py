"""Slack as a receiver of alerts. Importing this brings no client; `receiver` does."""

from typing import TYPE_CHECKING

from feedback_app.alerting.receivers.kind import ReceiverKind
from feedback_app.settings import Settings
from feedback_app.slack.channel import CHANNEL_FORM, FORM_IN_WORDS

if TYPE_CHECKING:
    from feedback_app.alerting.receivers.base import Receiver


def build(settings: Settings) -> "Receiver":
    """Return the receiver for the workspace of the bot token."""
    from feedback_app.alerting.receivers.slack.receiver import SlackReceiver

    return SlackReceiver(settings.slack_bot_token, settings.slack_api_url)


def missing(settings: Settings) -> str | None:
    """Return what to set where there is no bot token."""
    if settings.slack_bot_token is not None:
        return None
    return (
        "FEEDBACK_SLACK_BOT_TOKEN is not set, so alerts have nowhere to go: set it to the bot "
        "token (xoxb-…), or see everything at work with `feedback demo`"
    )


KIND = ReceiverKind(
    name="slack",
    channel_form=CHANNEL_FORM,
    form_in_words=FORM_IN_WORDS,
    posts_per_second=lambda settings: settings.slack_posts_per_second,
    missing=missing,
    build=build,
)

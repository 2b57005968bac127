"""What Slack answers when something is wrong, as checks."""

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from feedback_app.cli.slack import REMEDIES
from feedback_app.doctor.check import Check, ill
from feedback_app.settings import Settings

OUTSIDE = (ClientError, OSError, TimeoutError)
"""What the client raises where Slack does not answer."""


def refused(name: str, error: SlackApiError) -> Check:
    """Return the check that Slack refused."""
    answer = error.response
    word = str(answer.get("error") or f"HTTP {answer.status_code}")
    needed = f" ({answer.get('needed')})" if answer.get("needed") else ""
    if answer.status_code == 429:
        return ill(name, "Slack asks to slow down (429)", "run the doctor again in a minute")
    return ill(
        name, f"Slack refuses: {word}{needed}", REMEDIES.get(word, "see Slack's word for it")
    )


def unreachable(name: str, settings: Settings, error: BaseException) -> Check:
    """Return the check that Slack did not answer."""
    return ill(
        name,
        f"Slack does not answer at {settings.slack_api_url}: {type(error).__name__}",
        "check the network, a proxy, and FEEDBACK_SLACK_API_URL",
    )

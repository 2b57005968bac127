"""What Slack answers when something is wrong, as checks."""

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from feedback_app.cli.slack import REMEDIES, word_of
from feedback_app.doctor.check import Check, failed
from feedback_app.settings import Settings

OUTSIDE = (ClientError, OSError, TimeoutError)
"""What the client raises where Slack does not answer."""


def refused(name: str, error: SlackApiError) -> Check:
    """Return the check that Slack refused."""
    status = error.response.status_code
    if status == 429:
        return failed(name, "Slack asks to slow down (429)", "run the doctor again in a minute")
    word, needed = word_of(error)
    if not word:
        return failed(name, f"Slack answers with HTTP {status}", "run the doctor again in a minute")
    scope = f" ({needed})" if needed else ""
    remedy = REMEDIES.get(word, "look the word up in Slack's documentation of its errors")
    return failed(name, f"Slack refuses: {word}{scope}", remedy)


def unreachable(name: str, settings: Settings, error: BaseException) -> Check:
    """Return the check that Slack did not answer."""
    return failed(
        name,
        f"Slack does not answer at {settings.slack_api_url}: {type(error).__name__}",
        "check the network, a proxy, and FEEDBACK_SLACK_API_URL",
    )

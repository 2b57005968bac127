"""A failed call to Slack as a check."""

from feedback_app.doctor.check import Check, failed
from feedback_app.settings import Settings
from feedback_app.slack.errors import Failure

LATER = "run the doctor again in a minute"


def failed_call(name: str, settings: Settings, failure: Failure) -> Check:
    """Return the check that Slack refused a call or did not answer."""
    if failure.status == 429:
        return failed(name, "Slack asks to slow down (429)", LATER)
    if failure.word:
        remedy = failure.remedy or "look the word up in Slack's documentation of its errors"
        return failed(name, f"Slack refuses: {failure.refusal}", remedy)
    if failure.status:
        return failed(name, f"Slack answers with HTTP {failure.status}", LATER)
    return failed(
        name,
        failure.explained(settings.slack_api_url),
        "check the network, a proxy, and FEEDBACK_SLACK_API_URL",
    )

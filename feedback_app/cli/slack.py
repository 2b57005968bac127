"""Posts that a program makes as a source of feedback, marked so that a worker takes them in."""

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.clock import Clock
from feedback_app.settings import ConfigurationError, Settings

EVENT_TYPE = "feedback_say"
"""The event type in the metadata of such a post."""

REMEDIES = {
    "not_in_channel": "invite the bot to it (in Slack: /invite @the-bot)",
    "channel_not_found": "check its name; the bot sees a private channel only as a member",
    "is_archived": "unarchive it or take another",
    "missing_scope": "add the scope in the app's settings and install the app again",
    "invalid_auth": "check FEEDBACK_SLACK_BOT_TOKEN",
    "not_authed": "check FEEDBACK_SLACK_BOT_TOKEN",
    "account_inactive": "the token's user or app was removed: install the app again",
    "token_revoked": "install the app again and set the new FEEDBACK_SLACK_BOT_TOKEN",
    "msg_too_long": "shorten it (Slack takes 40,000 characters)",
}


class SayRefused(Exception):
    """Slack did not take a post; the message says what to do."""


def bot_client(settings: Settings, timeout_s: int = 10) -> AsyncWebClient:
    """Return a Slack client that tries once; raises ConfigurationError without a bot token."""
    if settings.slack_bot_token is None:
        raise ConfigurationError(
            "FEEDBACK_SLACK_BOT_TOKEN is not set: it is the Bot User OAuth Token (xoxb-…) on the "
            "page OAuth & Permissions of the Slack app"
        )
    return AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        timeout=timeout_s,
        # The library's own handlers repeat a post after a dropped connection: it may be there.
        retry_handlers=[],
    )


class Say:
    """Posts into channels and waits where Slack asks for it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._client = bot_client(settings)
        self._clock = clock

    async def post(self, channel: str, text: str) -> str:
        """Post a message and return its `ts`; raises SayRefused."""
        while True:
            try:
                answer = await self._client.chat_postMessage(
                    channel=channel,
                    text=text,
                    metadata={"event_type": EVENT_TYPE, "event_payload": {"by": "feedback say"}},
                )
                return str(answer["ts"])
            except SlackApiError as error:
                if error.response.status_code == 429:
                    await self._clock.sleep(float(error.response.headers.get("Retry-After", 1)))
                    continue
                raise SayRefused(_refusal(channel, error)) from None
            except (ClientError, OSError, TimeoutError) as error:
                why = type(error).__name__
                raise SayRefused(
                    f"Slack did not answer ({why}): the message may be there or not"
                ) from None


def word_of(error: SlackApiError) -> tuple[str, str]:
    """Return Slack's word for an error and the scope that is needed, either possibly empty."""
    data = error.response.data
    if not isinstance(data, dict):  # a page of HTML, from what stands before Slack
        return "", ""
    return str(data.get("error") or ""), str(data.get("needed") or "")


def _refusal(channel: str, error: SlackApiError) -> str:
    word, needed = word_of(error)
    status = error.response.status_code
    if status >= 500 or not word:
        return f"Slack answered with HTTP {status}: the message may be in {channel} or not"
    scope = f" ({needed})" if needed else ""
    remedy = f": {REMEDIES[word]}" if word in REMEDIES else ""
    return f"Slack refused the post to {channel}: {word}{scope}{remedy}"

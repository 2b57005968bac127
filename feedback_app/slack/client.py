"""The one maker of Slack clients, and the one way to call the Web API."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.settings import ConfigurationError, Settings
from feedback_app.slack.errors import Failure, SlackError, failure_of
from feedback_app.slack.guard import Withheld

TIMEOUT_S = 10

NOT_SET = (
    "FEEDBACK_SLACK_BOT_TOKEN is not set: it is the Bot User OAuth Token (xoxb-…) on the "
    "page OAuth & Permissions of the Slack app"
)

quiet = logging.getLogger("feedback_app.slack_sdk")
"""The SDK's logger: its debug log would show answers that hold the ticket of a connection."""
quiet.setLevel(logging.WARNING)


def web_client(
    token: SecretStr | None, api_url: str, session: aiohttp.ClientSession | None = None
) -> AsyncWebClient:
    """Return a client that tries each request once.

    It gives up after ten seconds and connects anew for each request, unless a `session` brings
    its own bounds and connections.
    """
    return AsyncWebClient(
        token=None if token is None else token.get_secret_value(),
        base_url=api_url,
        timeout=TIMEOUT_S,
        session=session,
        # The SDK's own handlers repeat a post after a dropped connection, which may double it.
        retry_handlers=[],
        logger=quiet,
    )


def bot_client(settings: Settings) -> AsyncWebClient:
    """Return a client with the bot token; raises ConfigurationError where it is not set."""
    if settings.slack_bot_token is None:
        raise ConfigurationError(NOT_SET)
    return web_client(settings.slack_bot_token, settings.slack_api_url)


async def ask(call: Awaitable[Any]) -> dict[str, Any]:
    """Return the answer of a Web API call; raises SlackError for every way it can fail."""
    answer, _ = await ask_with_headers(call)
    return answer


async def ask_with_headers(call: Awaitable[Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return the answer of a Web API call and its headers; raises SlackError."""
    try:
        # Not `wait_for`: before Python 3.12 it can swallow a cancellation.
        async with asyncio.timeout(TIMEOUT_S + 2):
            response = await call
            answer = response.data
    # ValueError: no JSON, or the SDK's own error cannot be spelled for an answer in binary.
    except (SlackClientError, aiohttp.ClientError, Withheld, OSError, ValueError) as error:
        raise SlackError(failure_of(error)) from error
    if not isinstance(answer, dict):
        message = "Slack answers with something that is not an object"
        raise SlackError(Failure(message, status=200), message)
    return answer, response.headers

"""The Slack Web API as the sources use it: one place that names every failure."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.sources.base import SourceFault, State
from feedback_app.sources.slack.events import Workspace

DEPENDENCY = "slack"
TIMEOUT_S = 10
UNKNOWN_RETRY_S = 30.0
PAGE = 200

# At debug level the SDK would log answers, and one of them holds the ticket of a connection.
quiet = logging.getLogger("feedback_app.slack_sdk")
quiet.setLevel(logging.WARNING)

REMEDIES = {
    "invalid_auth": "copy the bot token (xoxb-…) into FEEDBACK_SLACK_BOT_TOKEN and the app-level "
    "token (xapp-…) into FEEDBACK_SLACK_APP_TOKEN",
    "not_authed": "set FEEDBACK_SLACK_BOT_TOKEN and FEEDBACK_SLACK_APP_TOKEN",
    "account_inactive": "the app was removed: install it again",
    "token_revoked": "install the app again and copy its new token",
    "token_expired": "copy the app's present token",
    "not_allowed_token_type": "FEEDBACK_SLACK_BOT_TOKEN takes xoxb-…, FEEDBACK_SLACK_APP_TOKEN "
    "xapp-…",
    "missing_scope": "add the scope to the app and install it again",
    "no_permission": "the token may not do this",
}


def web_client(token: SecretStr, api_url: str) -> AsyncWebClient:
    """Return a client that tries once and gives up after ten seconds."""
    return AsyncWebClient(
        token=token.get_secret_value(),
        base_url=api_url,
        timeout=TIMEOUT_S,
        retry_handlers=[],
        logger=quiet,
    )


async def ask(call: Awaitable[Any]) -> dict[str, Any]:
    """Return the answer of a Web API call; raises SourceFault for every way it can fail."""
    try:
        # Not `wait_for`: before Python 3.12 it can swallow a cancellation.
        async with asyncio.timeout(TIMEOUT_S + 2):
            answer = (await call).data
    except SlackApiError as error:
        raise fault(error) from None
    except TimeoutError:
        raise SourceFault(DEPENDENCY, "Slack does not answer in time") from None
    # ValueError: no JSON, or the SDK's own error cannot be spelled for an answer in binary.
    except (aiohttp.ClientError, SlackClientError, OSError, ValueError) as error:
        raise SourceFault(DEPENDENCY, f"Slack cannot be reached: {type(error).__name__}") from None
    if not isinstance(answer, dict):
        raise SourceFault(DEPENDENCY, "Slack answers with something that is not an object")
    return answer


def fault(error: SlackApiError) -> SourceFault:
    """Return the fault of an answer with `ok: false` or an HTTP error."""
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", 0)
    headers = getattr(response, "headers", None) or {}
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    if status == 429 or code == "ratelimited":
        wait = _seconds(headers.get("Retry-After"))
        return SourceFault(
            DEPENDENCY, f"Slack asks to wait {wait:.0f} s (429)", wait, "rate_limited"
        )
    if not isinstance(code, str):
        return SourceFault(DEPENDENCY, f"Slack answers with {status} and no JSON")
    state: State = "unauthorised" if code in REMEDIES else "failing"
    needed = data.get("needed") if isinstance(data, dict) else None
    said = f"{code} ({needed})" if needed else code
    remedy = f": {REMEDIES[code]}" if code in REMEDIES else ""
    return SourceFault(DEPENDENCY, f"Slack refuses: {said}{remedy}", None, state)


def _seconds(value: object) -> float:
    try:
        return max(1.0, float(str(value)))
    except ValueError:
        return UNKNOWN_RETRY_S


async def workspace(client: AsyncWebClient) -> Workspace:
    """Return who this app is; raises SourceFault where the bot token does not work."""
    found = await ask(client.auth_test())
    url, user, bot = found.get("url"), found.get("user_id"), found.get("bot_id")
    return Workspace(
        url=url if isinstance(url, str) else "",
        bot_user=user if isinstance(user, str) else "",
        bot_id=bot if isinstance(bot, str) else "",
    )


@dataclass(frozen=True, slots=True)
class Found:
    """Channels of the workspace: ids by name as configured, and what is amiss by name."""

    ids: dict[str, str]
    problems: dict[str, str]


async def find_channels(client: AsyncWebClient, names: Iterable[str]) -> Found:
    """Look up channels given as `#name` or id; raises SourceFault where Slack does not answer."""
    wanted = set(names)
    ids: dict[str, str] = {}
    problems = dict.fromkeys(wanted, "there is no such channel that the app can see: invite it")
    cursor = ""
    while True:
        page = await ask(
            client.conversations_list(
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=PAGE,
                cursor=cursor,
            )
        )
        for channel in page.get("channels") or []:
            if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
                continue
            for name in wanted & {f"#{channel.get('name')}", channel["id"]}:
                ids[name] = channel["id"]
                problems.pop(name, None)  # it may be listed twice
                if channel.get("is_member") is False:
                    problems[name] = "the app is not in it: invite it"
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor or len(ids) == len(wanted):
            return Found(ids, problems)

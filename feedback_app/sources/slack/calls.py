"""Calls to Slack that fail with a SourceFault, which has the state of the source."""

from collections.abc import Awaitable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError
from feedback_app.slack import client, directory
from feedback_app.slack.errors import DEPENDENCY, SlackError
from feedback_app.sources.protocol import SourceFault, State
from feedback_app.sources.slack.events import Workspace


async def ask(call: Awaitable[Any]) -> dict[str, Any]:
    """Return the answer of a Web API call; raises SourceFault."""
    with as_source_faults():
        return await client.ask(call)


async def workspace(web: AsyncWebClient) -> Workspace:
    """Return who this app is; raises SourceFault where the bot token does not work."""
    found = await ask(web.auth_test())
    url, user, bot = found.get("url"), found.get("user_id"), found.get("bot_id")
    return Workspace(
        url=url if isinstance(url, str) else "",
        bot_user=user if isinstance(user, str) else "",
        bot_id=bot if isinstance(bot, str) else "",
    )


async def find_channels(web: AsyncWebClient, names: Collection[str]) -> directory.Directory:
    """Look up channels by `#name` or id; raises SourceFault."""
    with as_source_faults():
        return await directory.find_channels(web, names)


@contextmanager
def as_source_faults() -> Iterator[None]:
    """Turn the failures of Slack into SourceFault."""
    try:
        yield
    except SlackError as error:
        raise SourceFault(DEPENDENCY, str(error), error.retry_after, state_of(error)) from None
    except ConfigurationError as error:
        raise SourceFault(DEPENDENCY, str(error), None, "unauthorised") from None
    except TransientError as error:
        raise SourceFault(DEPENDENCY, str(error), error.retry_after) from None


def state_of(error: SlackError) -> State:
    """Return the state of a source whose call failed."""
    if error.failure.rate_limited:
        return "rate_limited"
    return "unauthorised" if error.failure.access else "failing"

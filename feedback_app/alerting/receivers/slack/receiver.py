"""Slack as a receiver: one attempt a request, and what certainly became of it."""

import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.alerting.outcome import Done, Outcome, Uncertain
from feedback_app.alerting.receivers.base import FindFailed, FoundMessage, Purpose, Resolved
from feedback_app.alerting.receivers.slack import message as messages
from feedback_app.alerting.receivers.slack.message import SlackMessage
from feedback_app.alerting.receivers.slack.outcomes import outcome_of
from feedback_app.settings import ConfigurationError
from feedback_app.slack import metadata
from feedback_app.slack.channel import is_id, unknown
from feedback_app.slack.client import NOT_SET, ask, web_client
from feedback_app.slack.directory import find_channels
from feedback_app.slack.errors import SlackError
from feedback_app.slack.guard import guarded_session, only_while

log = logging.getLogger(__name__)

PAGE = 200
EVENT_TYPES: dict[Purpose, str] = {"alert": metadata.ALERT, "notice": metadata.NOTICE}


class SlackReceiver:
    """Renders messages, posts, updates and deletes them, and finds them by their metadata."""

    name = "slack"
    title = "Slack"
    max_digest = messages.DIGEST_MOST
    single = staticmethod(messages.single)
    withdrawal = staticmethod(messages.withdrawn)
    digest = staticmethod(messages.digest)
    line = staticmethod(messages.line)
    withdrawn_line = staticmethod(messages.withdrawn_line)
    notice = staticmethod(messages.notice)

    def __init__(self, token: SecretStr | None, api_url: str) -> None:
        self._token, self._api_url = token, api_url
        self._web: AsyncWebClient | None = None

    def is_id(self, channel: str) -> bool:
        """Whether a channel is an id."""
        return is_id(channel)

    async def resolve(self, names: Collection[str], *, verify: bool = False) -> Resolved:
        """Return the ids of channels; an archived one has an id too, and its alerts are refused."""
        ids = {} if verify else {name: name for name in names if is_id(name)}
        if wanted := set(names) - ids.keys():
            if self._token is None:
                raise ConfigurationError(NOT_SET)
            ids |= (await find_channels(self._client(), wanted)).ids
        return Resolved(ids, {name: unknown(name) for name in names if name not in ids})

    async def post(
        self, channel: str, message: SlackMessage, may_send: Callable[[], bool]
    ) -> Outcome:
        """Post into a channel id, unless `may_send` refuses on the established connection."""
        with only_while(may_send):
            return await self._outcome(
                lambda web: web.chat_postMessage(
                    channel=channel,
                    text=message.text,
                    blocks=message.blocks,
                    metadata=message.metadata,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            )

    async def find(
        self, channel: str, since: float, purpose: Purpose = "alert"
    ) -> list[FoundMessage]:
        """Return our messages in the history of a channel, oldest first; raises FindFailed."""
        found: list[FoundMessage] = []
        cursor = ""
        while True:
            try:
                page = await ask(
                    self._client().conversations_history(
                        channel=channel,
                        oldest=f"{since:.6f}",
                        limit=PAGE,
                        cursor=cursor,
                        include_all_metadata=True,
                    )
                )
                found += _ours(page.get("messages", []), EVENT_TYPES[purpose])
                cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            except SlackError as error:
                raise FindFailed(outcome_of(error.failure)) from error
            except Exception as error:  # a page of no known shape
                raise FindFailed(Uncertain(f"{type(error).__name__}: {error}")) from error
            if not cursor:
                return sorted(found, key=lambda one: float(one.ts))

    async def update(self, channel: str, ts: str, message: SlackMessage) -> Outcome:
        """Replace a message."""
        return await self._outcome(
            lambda web: web.chat_update(
                channel=channel,
                ts=ts,
                text=message.text,
                blocks=message.blocks,
                metadata=message.metadata,
            )
        )

    async def delete(self, channel: str, ts: str) -> Outcome:
        """Delete a message."""
        return await self._outcome(lambda web: web.chat_delete(channel=channel, ts=ts))

    async def close(self) -> None:
        """Close the connections."""
        if self._web is not None and self._web.session is not None:
            await self._web.session.close()
        self._web = None

    def _client(self) -> AsyncWebClient:
        if self._web is None:
            self._web = web_client(self._token, self._api_url, guarded_session())
        return self._web

    async def _outcome(self, call: Callable[[AsyncWebClient], Awaitable[Any]]) -> Outcome:
        try:
            ts = (await ask(call(self._client()))).get("ts")
        except SlackError as error:
            return outcome_of(error.failure)
        except Exception as error:  # a bug may come after the request was sent
            log.exception("a request to Slack")
            return Uncertain(f"{type(error).__name__}: {error}")
        return Done(ts) if isinstance(ts, str) else Uncertain("ok without a ts")


def _ours(page: list[dict[str, Any]], event_type: str) -> list[FoundMessage]:
    found = []
    for message in page:
        metadata = message.get("metadata") or {}
        lookup = (metadata.get("event_payload") or {}).get("id")
        if metadata.get("event_type") == event_type and isinstance(lookup, str):
            found.append(FoundMessage(str(message["ts"]), lookup))
    return found

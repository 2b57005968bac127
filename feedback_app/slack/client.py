"""Slack's Web API for alerts: one attempt a call, and what certainly became of it."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from feedback_app.alerting.message import EVENT_TYPE, Message
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError
from feedback_app.slack.outcome import (
    Done,
    NotDone,
    Outcome,
    Refused,
    Uncertain,
    Withheld,
    of_error,
)

log = logging.getLogger(__name__)

TOTAL_S = 8.0
"""Of one call; below the session timeout of the consumer group."""
CONNECT_S = 5.0
KEEP_S = 2.0
"""How long a connection may rest between calls: one that Slack closes just as a post goes out on
it leaves nobody sure of that post, and hardly any server closes one that rested so short."""
PAGE = 200
DEPENDENCY = "slack"

_may_send: ContextVar[Callable[[], bool] | None] = ContextVar("may_send", default=None)


class GuardedConnector(aiohttp.TCPConnector):
    """Asks once more, when the connection stands, whether the request may still be sent."""

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:
        """Return a connection; raises Withheld."""
        connection = await super().connect(*args, **kwargs)
        may_send = _may_send.get()
        if may_send is not None and not may_send():
            connection.close()
            raise Withheld("not the owner any more")
        return connection


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours in a channel's history, by its metadata."""

    ts: str
    lookup: str
    revision: int


class LookFailed(Exception):
    """A channel's history could not be read; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


class SlackClient:
    """Posts, changes, deletes and finds alert messages. Lives on one event loop."""

    def __init__(self, token: str, base_url: str) -> None:
        self._token, self._base_url = token, base_url
        self._web: AsyncWebClient | None = None

    async def post(self, channel: str, message: Message, may_send: Callable[[], bool]) -> Outcome:
        """Post into a channel id, unless `may_send` says no right before the first byte goes."""
        _may_send.set(may_send)  # of this task only
        try:
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
        finally:
            _may_send.set(None)

    async def update(self, channel: str, ts: str, message: Message) -> Outcome:
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

    async def find(self, channel: str, since: float, event_type: str = EVENT_TYPE) -> list[Found]:
        """Return our messages in a channel since a Unix time, oldest first; raises LookFailed.

        `event_type` is that of their metadata: alerts unless given.
        """
        found: list[Found] = []
        cursor: str | None = None
        while True:
            try:
                page = await self._client().conversations_history(
                    channel=channel,
                    oldest=f"{since:.6f}",
                    limit=PAGE,
                    cursor=cursor,
                    include_all_metadata=True,
                )
                messages: list[dict[str, Any]] = page.get("messages", [])
                found += filter(None, (_found(one, event_type) for one in messages))
                cursor = (page.get("response_metadata") or {}).get("next_cursor")
            except Exception as error:
                raise LookFailed(of_error(error)) from error
            if not cursor:
                return sorted(found, key=lambda message: float(message.ts))

    async def channel_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Return {name as configured: channel id}; ids stand for themselves.

        Raises ConfigurationError for what Slack does not know, OutsideFault where it fails.
        """
        wanted = dict.fromkeys(names)
        ids = await self.known_channel_ids(wanted)
        for name in wanted:
            if name not in ids:
                raise ConfigurationError(unknown(name))
        return ids

    async def known_channel_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Return {name as configured: channel id} of those that Slack knows.

        An archived channel has an id too, so that it holds up no other: its alerts are refused.
        Raises ConfigurationError where the bot may not ask, OutsideFault where Slack fails.
        """
        wanted = dict.fromkeys(names)
        ids = {name: name for name in wanted if not name.startswith("#")}
        archived: dict[str, str] = {}
        cursor: str | None = None
        while len(ids) < len(wanted):
            page = await self._channels(cursor)
            try:
                for channel in page["channels"]:
                    name = f"#{channel['name']}"
                    if name in wanted:
                        # A new channel may bear the name of an archived one.
                        (archived if channel.get("is_archived") else ids)[name] = channel["id"]
                cursor = (page.get("response_metadata") or {}).get("next_cursor")
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise TransientError(DEPENDENCY, "Slack lists its channels strangely") from error
            if not cursor:
                break
        return archived | ids

    async def _channels(self, cursor: str | None) -> AsyncSlackResponse:
        try:
            return await self._client().conversations_list(
                types="public_channel,private_channel", limit=PAGE, cursor=cursor
            )
        except Exception as error:
            outcome = of_error(error)
        if isinstance(outcome, Refused):
            raise ConfigurationError(
                f"Slack does not list its channels ({outcome.error}): the bot token needs the "
                "scopes channels:read and groups:read"
            )
        wait = outcome.retry_after if isinstance(outcome, NotDone) else None
        raise TransientError(DEPENDENCY, f"cannot list the channels: {_why(outcome)}", wait)

    async def close(self) -> None:
        """Close the connections."""
        if self._web is not None and self._web.session is not None:
            await self._web.session.close()
        self._web = None

    def _client(self) -> AsyncWebClient:
        if self._web is None:
            session = aiohttp.ClientSession(
                connector=GuardedConnector(keepalive_timeout=KEEP_S),
                timeout=aiohttp.ClientTimeout(total=TOTAL_S, connect=CONNECT_S),
            )
            self._web = AsyncWebClient(
                token=self._token, base_url=self._base_url, session=session, retry_handlers=[]
            )
        return self._web

    async def _outcome(
        self, call: Callable[[AsyncWebClient], Awaitable[AsyncSlackResponse]]
    ) -> Outcome:
        client = self._client()
        try:
            ts = (await call(client)).get("ts")
        except Exception as error:
            return of_error(error)
        return Done(ts) if isinstance(ts, str) else Uncertain("ok without a ts")


def unknown(name: str) -> str:
    """Return what to say of a channel that Slack does not show to the bot."""
    return (
        f"the bot sees no Slack channel {name}: create it, or invite the bot into it "
        "if it is private"
    )


def _found(message: dict[str, Any], event_type: str) -> Found | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != event_type:
        return None
    payload = metadata.get("event_payload") or {}
    lookup, revision = payload.get("id"), payload.get("revision", 0)
    if not isinstance(lookup, str) or not isinstance(revision, int):
        return None
    return Found(str(message["ts"]), lookup, revision)


def _why(outcome: Outcome) -> str:
    return outcome.ts if isinstance(outcome, Done) else outcome.error

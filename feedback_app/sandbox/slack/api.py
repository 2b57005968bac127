"""The stand-in Slack: workspace, Web API and Socket Mode."""

from collections.abc import Callable
from random import Random

from aiohttp import web

from feedback_app.sandbox.clock import Clock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.log import Log
from feedback_app.sandbox.malformed import SLACK_SHAPES, slack_event
from feedback_app.sandbox.slack.chat import Chat
from feedback_app.sandbox.slack.conversations import Conversations
from feedback_app.sandbox.slack.objects import event, event_payload, press_payload
from feedback_app.sandbox.slack.pace import Pace
from feedback_app.sandbox.slack.sockets import (
    ACKNOWLEDGE_S,
    RETRY_AFTER_S,
    Outgoing,
    Sockets,
)
from feedback_app.sandbox.slack.state import APP_ID, Message, Workspace
from feedback_app.sandbox.slack.web import Access, Arguments, Method, WebApi


class Slack(Workspace):
    """The stand-in Slack: user actions, the Web API and the socket events."""

    def __init__(
        self,
        clock: Clock,
        random: Random,
        faults: Faults,
        log: Log,
        url: Callable[[], str],
        *,
        posts_per_second: float | None = 1.0,
        history_delay: tuple[float, float] = (0.5, 3.0),
        refresh_s: float | None = 3600.0,
        acknowledge_s: float = ACKNOWLEDGE_S,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
    ) -> None:
        super().__init__(clock.now, random, log, history_delay)
        self.access = Access()
        self.pace = Pace(posts_per_second)
        self.sockets = Sockets(
            clock,
            random,
            faults,
            log,
            refresh_s=refresh_s,
            acknowledge_s=acknowledge_s,
            retry_after_s=retry_after_s,
        )
        self._clock = clock
        self._faults = faults
        self._url = url
        self._events = 0
        chat = Chat(self, self.access, self.pace, clock.now, log, url)
        reading = Conversations(self, self.access, clock.now, log)
        connecting = {"apps.connections.open": Method(self._open, app_token=True)}
        methods = chat.methods() | reading.methods() | connecting
        self._web = WebApi(methods, self.access, clock, faults, log)
        self.listeners.append(self._emit)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the Web API and of the sockets."""
        return [
            web.get("/api/{method}", self._web.call),
            web.post("/api/{method}", self._web.call),
            web.get("/link", self.sockets.handle),
        ]

    def revoke_tokens(self) -> None:
        """Revoke both tokens: every later call fails with `token_revoked`."""
        self.access.revoked = True

    def set_scopes(self, scopes: list[str]) -> None:
        """Set the scopes of the bot token."""
        self.access.scopes = set(scopes)

    def limit(self, channel: str, seconds: float) -> None:
        """Answer every post to a channel with 429 for `seconds`, with a matching Retry-After."""
        self.pace.block(self.channel(channel).id, self._clock.now() + seconds)

    def press(self, channel: str, ts: str, action_id: str, user: str = "mira.sato") -> None:
        """Press a button of a message; raises KeyError if there is none with that action id."""
        message, person = self.channel(channel).by_ts[ts], self.person(user)
        for at, block in enumerate(message.blocks or []):
            elements = [*block.get("elements", []), block.get("accessory", {})]
            for element in elements:
                if element.get("action_id") == action_id:
                    block_id = block.get("block_id", f"block-{at}")
                    now = self._clock.now()
                    payload = press_payload(
                        message, element, block_id, person, now, f"{int(now)}.{action_id}"
                    )
                    ids = (f"{message.channel.id}:{ts}",)
                    self.sockets.emit(Outgoing("interactive", payload, ids, "press"))
                    return
        raise KeyError(action_id)

    def _open(self, _: Arguments) -> dict[str, str]:
        address = self._url().replace("http", "ws", 1)
        return {"url": f"{address}/link?ticket={self.sockets.ticket()}&app_id={APP_ID}"}

    def _emit(self, kind: str, message: Message, before: Message | None, event_ts: str) -> None:
        """Send the event of a change if the bot is in the channel and has the scope."""
        if not message.channel.has_bot:
            return
        scopes = self.access.scopes
        if f"{'groups' if message.channel.private else 'channels'}:history" not in scopes:
            return
        metadata = "metadata.message:read" in scopes
        body = event(kind, message, before, event_ts, metadata=metadata)
        ids = (f"{message.channel.id}:{message.ts}",)
        label = message.subtype or kind if kind == "create" else kind
        self._send(Outgoing("events_api", body, ids, label))
        by_user = kind == "create" and message.subtype is None and not message.own
        if by_user and self._faults.due("odd"):
            shape = self._faults.pick(SLACK_SHAPES)
            self._send(Outgoing("events_api", slack_event(shape, body), (), "odd", shape))

    def _send(self, outgoing: Outgoing) -> None:
        self._events += 1
        event_id = f"Ev0SANDBOX{self._events:06d}"
        outgoing.payload = event_payload(outgoing.payload, event_id, self._clock.now())
        self.sockets.emit(outgoing)

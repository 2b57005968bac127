"""One Socket Mode connection for all Slack sources of this worker, supervised."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSMessage
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from feedback_app.backoff import Backoff
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError, Settings
from feedback_app.slack.client import quiet, web_client
from feedback_app.slack.errors import DEPENDENCY
from feedback_app.sources.protocol import Context, SourceFault
from feedback_app.sources.slack.buttons import OnPress
from feedback_app.sources.slack.calls import ask, find_channels, workspace
from feedback_app.sources.slack.event_handler import EventHandler
from feedback_app.sources.slack.events import Conditions, Reader
from feedback_app.sources.slack.history import History
from feedback_app.sources.slack.names import Names
from feedback_app.sources.slack.options import SlackOptions
from feedback_app.sources.slack.timing import Timing

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 8
"""Workers that hold a connection; Slack allows ten, and a restart needs room."""
MAX_IN_FLIGHT = 1000
"""Frames handled at once; beyond it a frame is dropped, and Slack sends its event again."""


@dataclass(slots=True)
class Link:
    """One connection, as far as it is known."""

    reader: Reader
    connections: int = 0
    """As Slack counted them in its greeting."""
    opened: int = 1
    """The most connections that the cluster held at once since then."""
    heard: float = 0.0
    """When a pong or frame came last, in monotonic seconds."""
    heard_event: float = 0.0
    """When an event came last, in monotonic seconds."""


class SlackSocket:
    """Receives Slack's events and acknowledges each once the broker has it.

    `run` ends when it is cancelled. `opened` returns how many connections the whole cluster holds,
    `leading` whether this worker reads the history on a timer, as one does for all; `on_press`
    handles the payloads of buttons. Every worker reads the history after each new connection.
    """

    def __init__(
        self,
        context: Context,
        opened: Callable[[], int],
        *,
        leading: Callable[[], bool] = lambda: True,
        on_press: OnPress | None = None,
        timing: Timing | None = None,
    ) -> None:
        settings = context.settings
        if settings.slack_bot_token is None or settings.slack_app_token is None:
            raise ConfigurationError(
                "FEEDBACK_SLACK_BOT_TOKEN (xoxb-…) and FEEDBACK_SLACK_APP_TOKEN (xapp-…) are "
                "needed to listen on Slack"
            )
        self.sources = slack_sources(settings)
        self.connections = 0
        """Connections that this worker holds: 0 or 1."""
        self._app_token = settings.slack_app_token.get_secret_value()
        self._web = web_client(settings.slack_bot_token, settings.slack_api_url)
        self._context, self._clock, self._opened = context, context.clock, opened
        self._leading = leading
        self._timing = timing or Timing()
        self._backoff = Backoff(self._timing.first_wait, self._timing.longest_wait)
        self._names = Names(self._web, self._clock)
        self.event_handler = EventHandler(context, self._names, self.sources, on_press)
        self._history = History(context, self.event_handler, self.event_handler.index)
        self._tasks: set[asyncio.Task[None]] = set()
        self._foreign_connections = False
        self._missed: float | None = None
        """When an event could not be sent to the broker, in monotonic seconds."""

    async def run(self) -> None:
        """Keep a connection open while any source is not paused; ends when cancelled."""
        timing = self._timing
        try:
            while True:
                while not self._wanted():
                    self.event_handler.show("paused")
                    await self._clock.sleep(timing.check)
                began = self._clock.monotonic()
                try:
                    await self._live()
                except Exception as error:
                    fault = as_fault(error)
                    if self._clock.monotonic() - began > timing.longest_wait:
                        self._backoff.reset()
                    self.event_handler.show(fault.state, str(fault))
                    log.warning("Slack: %s", fault)
                    await self._clock.sleep(self._backoff.next(fault.retry_after))
        finally:
            await self._names.close()

    def _wanted(self) -> bool:
        return any(not self._context.shared.paused(each.id) for each in self.sources)

    async def _live(self) -> None:
        """Hold one connection; raises SourceFault when it ends, returns when paused."""
        link = Link(Reader((), await workspace(self._web)))
        await self._find_channels(link)
        # Asked for here with a timeout: the SDK itself retries a refused token forever.
        url = (await ask(self._web.apps_connections_open(app_token=self._app_token))).get("url")
        if not isinstance(url, str):
            raise SourceFault(DEPENDENCY, "Slack names no address for Socket Mode")
        greeted = asyncio.Event()

        async def on_frame(frame: WSMessage) -> None:
            link.heard = self._clock.monotonic()
            if len(self._tasks) < MAX_IN_FLIGHT:
                task = asyncio.create_task(self._frame(client, link, greeted, frame.data))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        client = SocketModeClient(
            app_token=self._app_token,
            web_client=self._web,
            logger=quiet,
            auto_reconnect_enabled=False,
            ping_interval=self._timing.ping,
            on_message_listeners=[on_frame],
        )
        client.wss_uri = url
        beside: asyncio.Task[None] | None = None
        try:
            await self._open(client, greeted)
            if link.connections > MOST_CONNECTIONS:
                message = f"{MOST_CONNECTIONS} connections are open: this worker stands by"
                raise SourceFault(DEPENDENCY, message, self._timing.stand_by, "waiting")
            self.connections = 1
            if not self._foreign_connections:
                self.event_handler.show("running")
            beside = asyncio.create_task(self._reconcile(link.reader))
            await self._watch(client, link)
        finally:
            self.connections = 0
            await self._close(client, beside)

    async def _find_channels(self, link: Link) -> None:
        found = await find_channels(self._web, {n for each in self.sources for n in each.listens})
        link.reader.conditions = tuple(Conditions.of(each, found.readable) for each in self.sources)
        problems = {
            each.id: [f"{name}: {why}" for name in each.listens if (why := found.problem(name))]
            for each in self.sources
        }
        self.event_handler.problems = {id: "; ".join(all) for id, all in problems.items() if all}

    async def _open(self, client: SocketModeClient, greeted: asyncio.Event) -> None:
        try:
            # The SDK retries a rejected handshake with the same ticket, and never returns.
            async with asyncio.timeout(self._timing.opening):
                await client.connect()  # type: ignore[no-untyped-call]
                await greeted.wait()
        except TimeoutError:
            raise SourceFault(DEPENDENCY, "Socket Mode does not open") from None

    async def _reconcile(self, reader: Reader) -> None:
        """Read the history now, then on the leader's timer and after missed events."""
        timing, now = self._timing, self._clock.monotonic
        last, thorough = -timing.reconcile, True
        again: float | None = None
        while True:
            missed = self._missed is not None and now() - self._missed > timing.missed
            regular = self._leading() and now() - last > timing.reconcile
            due = again is not None and now() >= again
            if thorough or missed or regular or due:
                self._missed = None if missed else self._missed
                try:
                    await self._history.reconcile(reader, self._web, thorough=thorough or missed)
                    again = now() + timing.settled if thorough or missed else None
                    thorough = False
                except TransientError as fault:
                    log.warning("Slack's history was not read to its end: %s", fault)
                    await self._clock.sleep(fault.retry_after or timing.missed)
                    thorough = thorough or missed
                except Exception:
                    log.exception("Slack's history was not read to its end")
                    thorough, again = False, None
                last = now()
            await self._clock.sleep(timing.check)

    async def _watch(self, client: SocketModeClient, link: Link) -> None:
        """Return when every source is paused; raises SourceFault once the connection fails."""
        timing, now = self._timing, self._clock.monotonic
        begun = looked_up = link.heard = link.heard_event = now()
        pong, counted = client.last_ping_pong_time, False
        while self._wanted():
            await self._clock.sleep(timing.check)
            if client.last_ping_pong_time != pong:
                pong, link.heard = client.last_ping_pong_time, now()
            session = client.current_session
            if session is None or session.closed:
                raise SourceFault(DEPENDENCY, "the connection was closed", timing.first_wait)
            if now() - link.heard > timing.silent:
                raise SourceFault(DEPENDENCY, "the connection fell silent", timing.first_wait)
            if now() - link.heard_event > timing.without_events:
                raise SourceFault(DEPENDENCY, "no event for long: opened afresh", timing.first_wait)
            link.opened = max(link.opened, self._opened())
            if not counted and now() - begun > timing.foreign_connections:
                counted = True
                self._count(link)
            if self._foreign_connections and now() - begun > timing.foreign_recheck:
                return
            if self.event_handler.problems and now() - looked_up > timing.channels:
                looked_up = now()
                await self._find_channels(link)
                self._count(link)

    def _count(self, link: Link) -> None:
        """Compare the number of connections in Slack's greeting with the cluster's own."""
        self._foreign_connections = link.connections > link.opened
        if not self._foreign_connections:
            self.event_handler.show("running")
            return
        self.event_handler.show(
            "failing",
            f"slack_token_shared: Slack counts {link.connections} connections and this cluster "
            f"opened {link.opened}: another program uses the app token and swallows events",
        )

    async def _close(self, client: SocketModeClient, beside: asyncio.Task[None] | None) -> None:
        """Drain the events in flight, then close."""
        try:
            if beside is not None:
                beside.cancel()
                await asyncio.wait({beside}, timeout=self._timing.drain)
            if self._tasks:
                await asyncio.wait(set(self._tasks), timeout=self._timing.drain)
            for task in list(self._tasks):
                task.cancel()
            # A deaf peer does not answer the close, and aiohttp would wait for it.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(self._timing.drain):
                    await client.close()  # type: ignore[no-untyped-call]
        finally:  # also where this is cancelled
            await client.aiohttp_client_session.close()

    async def _frame(
        self, client: SocketModeClient, link: Link, greeted: asyncio.Event, text: str
    ) -> None:
        """Handle one text frame; acknowledge it once the broker has its records."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        kind, envelope = (
            (message.get("type"), message.get("envelope_id"))
            if isinstance(message, dict)
            else (None, None)
        )
        try:
            if kind == "hello":
                count = message.get("num_connections")
                link.connections = count if isinstance(count, int) else 0
                greeted.set()
            elif isinstance(envelope, str):
                link.heard_event = self._clock.monotonic()
                await self.event_handler.envelope(link.reader, kind, message.get("payload"))
                await client.send_socket_mode_response({"envelope_id": envelope})
            elif kind != "disconnect":
                await self.event_handler.send_to_dlq(
                    text.encode("utf-8", "replace"), "an unknown frame"
                )
        except TransientError as fault:
            # Not acknowledged: Slack sends it again, and else the history shows it.
            self._missed = self._clock.monotonic()
            log.warning("Slack: an event waits: %s", fault)
        except ConnectionError:
            log.info("Slack: an acknowledgement was lost, the event will come again")
        except Exception:
            log.exception("Slack: an event failed and was not acknowledged")


def slack_sources(settings: Settings) -> tuple[SlackOptions, ...]:
    """Return the sources of the type `slack`."""
    return tuple(each for each in settings.sources if isinstance(each, SlackOptions))


def as_fault(error: Exception) -> SourceFault:
    """Return what ended a connection as a fault: a bug must not stop the source for good."""
    if isinstance(error, SourceFault):
        return error
    log.error("Slack: a bug ended the connection", exc_info=error)
    return SourceFault(DEPENDENCY, f"the connection ended by {type(error).__name__}")

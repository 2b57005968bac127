"""Socket Mode: connections, and the delivery of each envelope to one of them."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import orjson
from aiohttp import WSMsgType, web

from feedback_app.sandbox.clock import Clock, within
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.log import Acknowledged, Given, Log
from feedback_app.sandbox.slack.state import APP_ID

MOST_CONNECTIONS = 10
ACKNOWLEDGE_S = 3.0
"""How long Slack waits for the acknowledgement of an envelope, in seconds."""
RETRY_AFTER_S = (0.0, 60.0, 300.0)
"""How long Slack waits before each of its three retries, in seconds."""
EVENTS_PER_CUT = 10.0
"""How many events count as one occasion for a connection to be cut."""
WARNING_S = 10.0
"""How long before a refresh Slack warns of it, in seconds."""
GOODBYE_S = 10.0
"""How long Slack leaves a client to close a connection that it was asked to, in seconds."""


@dataclass
class Connection:
    """One open WebSocket."""

    name: str
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    odd: set[str] = field(default_factory=set)
    """The envelopes of odd payloads that this connection was given and has not acknowledged."""


@dataclass
class Outgoing:
    """Something to deliver, until it is acknowledged or given up."""

    type: str
    payload: dict[str, Any]
    ids: tuple[str, ...]
    kind: str
    odd: str | None = None
    """The shape, where this is an odd payload."""
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)


class Sockets:
    """The Socket Mode side of Slack."""

    def __init__(
        self,
        clock: Clock,
        random: Random,
        faults: Faults,
        log: Log,
        *,
        refresh_s: float | None = 3600.0,
        acknowledge_s: float = ACKNOWLEDGE_S,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
    ) -> None:
        """`refresh_s` is how long Slack keeps a connection before it asks for a new one."""
        self.connections: dict[str, Connection] = {}
        self.pending: set[asyncio.Task[None]] = set()
        """Deliveries under way."""
        self._clock = clock
        self._random = random
        self._faults = faults
        self._log = log
        self._refresh_s = refresh_s
        self._acknowledge_s = acknowledge_s
        self._retry_after_s = retry_after_s
        self._tickets: set[str] = set()
        self._waiting: dict[str, Outgoing] = {}
        self._opened = 0

    def ticket(self) -> str:
        """Return a ticket that opens one connection."""
        ticket = self._uuid()
        self._tickets.add(ticket)
        return ticket

    def emit(self, outgoing: Outgoing) -> None:
        """Deliver something to one connection, and again until it is acknowledged."""
        task = asyncio.get_running_loop().create_task(self._deliver(outgoing))
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    def cut(self) -> int:
        """Break every connection without a word and return how many there were."""
        found = list(self.connections.values())
        for connection in found:
            self._abort(connection)
        return len(found)

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every client for a new connection, and close the present ones."""
        found = list(self.connections.values())
        await asyncio.gather(*(self._ask_away(connection, reason) for connection in found))

    async def stop(self) -> None:
        """Give up all deliveries and close the connections."""
        for task in list(self.pending):
            task.cancel()
        await asyncio.gather(*self.pending, return_exceptions=True)
        for connection in list(self.connections.values()):
            await connection.socket.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until either side ends it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="invalid ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=10.0)
        await socket.prepare(request)
        self._opened += 1
        connection = Connection(f"socket-{self._opened}", socket, request.transport)
        aging = asyncio.get_running_loop().create_task(self._live(connection))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(connection, message.data)
        finally:
            self.connections.pop(connection.name, None)
            connection.ended.set()
            aging.cancel()
        return socket

    async def _live(self, connection: Connection) -> None:
        """Take a connection in, or not, and ask it away when it is old."""
        if len(self.connections) >= MOST_CONNECTIONS:
            await self._ask_away(connection, "too_many_websockets")
            return
        self.connections[connection.name] = connection
        await self._send(connection, self._hello())
        if self._refresh_s is not None:
            await self._clock.sleep(max(0.0, self._refresh_s - WARNING_S))
            await self._send(connection, _disconnect("warning"))
            await self._clock.sleep(min(WARNING_S, self._refresh_s))
            await self._ask_away(connection, "refresh_requested")

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": {
                "host": "sandbox",
                "build_number": 1,
                "approximate_connection_time": int(self._refresh_s or 0),
            },
            "connection_info": {"app_id": APP_ID},
        }

    async def _ask_away(self, connection: Connection, reason: str) -> None:
        """Ask for the end of a connection, which gets no events from now on, then end it."""
        self.connections.pop(connection.name, None)
        await self._send(connection, _disconnect(reason))
        await within(self._clock, GOODBYE_S, connection.ended.wait())
        await connection.socket.close()

    def _receive(self, connection: Connection, text: str) -> None:
        try:
            body = orjson.loads(text)
            outgoing = self._waiting.get(body["envelope_id"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return
        connection.odd.discard(body["envelope_id"])
        if outgoing is not None and not outgoing.acknowledged.is_set():
            self._log.write(Acknowledged(envelope=body["envelope_id"], ids=outgoing.ids))
            outgoing.acknowledged.set()

    async def _deliver(self, outgoing: Outgoing) -> None:
        retries = self._retry_after_s if outgoing.type == "events_api" else ()
        reason, envelopes = "", []
        try:
            for attempt, wait in enumerate((0.0, *retries)):
                await within(self._clock, wait, outgoing.acknowledged.wait())
                if outgoing.acknowledged.is_set():
                    return
                envelope = self._uuid()
                envelopes.append(envelope)
                self._waiting[envelope] = outgoing
                sent = await self._send_once(outgoing, envelope, attempt, reason)
                await within(self._clock, self._acknowledge_s, outgoing.acknowledged.wait())
                if outgoing.acknowledged.is_set():
                    return
                if sent and outgoing.odd is not None:
                    # Once only: what has no id of its own cannot be known when it comes again.
                    return
                reason = "timeout" if sent else "connection_failed"
        finally:
            for envelope in envelopes:
                del self._waiting[envelope]

    async def _send_once(
        self, outgoing: Outgoing, envelope: str, attempt: int, reason: str
    ) -> bool:
        if not self.connections:
            return False
        connection = self._random.choice(list(self.connections.values()))
        if not connection.odd and self._faults.hit(
            "disconnect", "slack", connection.name, EVENTS_PER_CUT
        ):
            self._abort(connection)
            return False
        body = {
            "envelope_id": envelope,
            "type": outgoing.type,
            "payload": outgoing.payload,
            "accepts_response_payload": outgoing.type == "interactive",
        }
        if outgoing.type == "events_api":
            body |= {"retry_attempt": attempt, "retry_reason": reason}
        if outgoing.odd is not None:
            connection.odd.add(envelope)
            self._faults.note("odd", "slack", connection.name, outgoing.odd)
        self._note(outgoing, connection, attempt)
        sent = await self._send(connection, body)
        if attempt == 0 and outgoing.odd is None:
            await self._repeat(outgoing, body)
        return sent

    async def _repeat(self, outgoing: Outgoing, body: dict[str, Any]) -> None:
        """Send an event a second time, to any connection, where that fault is asked for."""
        if not self.connections or not self._faults.hit("duplicate", "slack", outgoing.kind):
            return
        connection = self._random.choice(list(self.connections.values()))
        self._note(outgoing, connection, 1)
        await self._send(connection, body | {"retry_attempt": 1, "retry_reason": "timeout"})

    def _note(self, outgoing: Outgoing, connection: Connection, attempt: int) -> None:
        self._log.write(
            Given(
                platform="slack",
                via="socket",
                ids=outgoing.ids,
                kind=outgoing.kind,
                attempt=attempt,
                connection=connection.name,
            )
        )

    async def _send(self, connection: Connection, body: dict[str, Any]) -> bool:
        try:
            await connection.socket.send_str(orjson.dumps(body).decode())
        except (ConnectionError, RuntimeError):
            self.connections.pop(connection.name, None)
            return False
        return True

    def _abort(self, connection: Connection) -> None:
        self.connections.pop(connection.name, None)
        if connection.transport is not None:
            connection.transport.abort()

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def _disconnect(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}

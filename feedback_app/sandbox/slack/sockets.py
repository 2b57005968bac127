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

MAX_CONNECTIONS = 10
ACKNOWLEDGE_S = 3.0
"""How long Slack waits for the acknowledgement of an envelope, in seconds."""
RETRY_AFTER_S = (0.0, 60.0, 300.0)
"""How long Slack waits before each of its three retries, in seconds."""
EVENTS_PER_CUT = 10.0
"""Events per opportunity for a connection to be dropped."""
WARNING_S = 10.0
"""How long before a refresh Slack sends its warning, in seconds."""
CLOSE_WITHIN_S = 10.0
"""How long a client has to close a connection after a disconnect message, in seconds."""


@dataclass
class Connection:
    """One open WebSocket."""

    name: str
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    malformed: set[str] = field(default_factory=set)
    """Ids of unacknowledged envelopes with malformed payloads sent on this connection."""


@dataclass
class Outgoing:
    """A payload to deliver until it is acknowledged or the retries are used up."""

    type: str
    payload: dict[str, Any]
    ids: tuple[str, ...]
    kind: str
    malformed_shape: str | None = None
    """The shape of a malformed payload, else None."""
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
        """Deliveries in progress."""
        self._clock = clock
        self._random = random
        self._faults = faults
        self._log = log
        self._refresh_s = refresh_s
        self._acknowledge_s = acknowledge_s
        self._retry_after_s = retry_after_s
        self._tickets: set[str] = set()
        self._unacknowledged: dict[str, Outgoing] = {}
        self._opened = 0

    def ticket(self) -> str:
        """Return a ticket for one connection."""
        ticket = self._uuid()
        self._tickets.add(ticket)
        return ticket

    def emit(self, outgoing: Outgoing) -> None:
        """Deliver a payload to one connection, with retries until it is acknowledged."""
        task = asyncio.get_running_loop().create_task(self._deliver(outgoing))
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    def cut(self) -> int:
        """Abort every connection and return their number."""
        found = list(self.connections.values())
        for connection in found:
            self._abort(connection)
        return len(found)

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every client to reconnect, and close the current connections."""
        found = list(self.connections.values())
        await asyncio.gather(*(self._disconnect_client(connection, reason) for connection in found))

    async def stop(self) -> None:
        """Cancel all deliveries and close the connections."""
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
        lifecycle = asyncio.get_running_loop().create_task(self._run_lifecycle(connection))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(connection, message.data)
        finally:
            self.connections.pop(connection.name, None)
            connection.ended.set()
            lifecycle.cancel()
        return socket

    async def _run_lifecycle(self, connection: Connection) -> None:
        """Accept a connection, or reject one too many, and refresh it when it is due."""
        if len(self.connections) >= MAX_CONNECTIONS:
            await self._disconnect_client(connection, "too_many_websockets")
            return
        self.connections[connection.name] = connection
        await self._send(connection, self._hello())
        if self._refresh_s is not None:
            await self._clock.sleep(max(0.0, self._refresh_s - WARNING_S))
            await self._send(connection, _disconnect_message("warning"))
            await self._clock.sleep(min(WARNING_S, self._refresh_s))
            await self._disconnect_client(connection, "refresh_requested")

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

    async def _disconnect_client(self, connection: Connection, reason: str) -> None:
        """Send a disconnect message, stop sending events, then close the connection."""
        self.connections.pop(connection.name, None)
        await self._send(connection, _disconnect_message(reason))
        await within(self._clock, CLOSE_WITHIN_S, connection.ended.wait())
        await connection.socket.close()

    def _receive(self, connection: Connection, text: str) -> None:
        try:
            body = orjson.loads(text)
            outgoing = self._unacknowledged.get(body["envelope_id"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return
        connection.malformed.discard(body["envelope_id"])
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
                self._unacknowledged[envelope] = outgoing
                sent = await self._send_once(outgoing, envelope, attempt, reason)
                await within(self._clock, self._acknowledge_s, outgoing.acknowledged.wait())
                if outgoing.acknowledged.is_set():
                    return
                if sent and outgoing.malformed_shape is not None:
                    # Send once only: without an id, a repeat cannot be recognized as a duplicate.
                    return
                reason = "timeout" if sent else "connection_failed"
        finally:
            for envelope in envelopes:
                del self._unacknowledged[envelope]

    async def _send_once(
        self, outgoing: Outgoing, envelope: str, attempt: int, reason: str
    ) -> bool:
        if not self.connections:
            return False
        connection = self._random.choice(list(self.connections.values()))
        if not connection.malformed and self._faults.hit(
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
        if outgoing.malformed_shape is not None:
            connection.malformed.add(envelope)
            self._faults.note("odd", "slack", connection.name, outgoing.malformed_shape)
        self._log_given(outgoing, connection, attempt)
        sent = await self._send(connection, body)
        if attempt == 0 and outgoing.malformed_shape is None:
            await self._send_duplicate(outgoing, body)
        return sent

    async def _send_duplicate(self, outgoing: Outgoing, body: dict[str, Any]) -> None:
        """Send an event again, on a random connection, if the duplicate fault happens."""
        if not self.connections or not self._faults.hit("duplicate", "slack", outgoing.kind):
            return
        connection = self._random.choice(list(self.connections.values()))
        self._log_given(outgoing, connection, 1)
        await self._send(connection, body | {"retry_attempt": 1, "retry_reason": "timeout"})

    def _log_given(self, outgoing: Outgoing, connection: Connection, attempt: int) -> None:
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


def _disconnect_message(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}

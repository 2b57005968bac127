"""The page's data: the state as JSON, and each change as a server-sent event."""

import asyncio
from itertools import islice
from typing import Any

import orjson
from aiohttp import web

from feedback_app.sandbox.clock import within
from feedback_app.sandbox.log import Entry, Fault, Put
from feedback_app.sandbox.slack.objects import message_object
from feedback_app.sandbox.slack.state import Channel, Message
from feedback_app.sandbox.world import World
from feedback_app.sandbox.x.state import Post

SNAPSHOT_SIZE = 300
"""Messages per channel, and posts of the timeline, in a snapshot."""
KEEPALIVE_S = 15.0


def snapshot(sandbox: World) -> dict[str, Any]:
    """Return the workspace, the timeline and the requested faults."""
    slack = sandbox.slack
    return {
        "channels": [_channel(sandbox, channel) for channel in slack.channels.values()],
        "people": {person.id: person.real_name for person in slack.people.values()},
        "members": [
            [person.name, person.real_name] for person in slack.people.values() if not person.is_bot
        ],
        "posts": [_post(post) for post in islice(sandbox.x.timeline(), SNAPSHOT_SIZE)][::-1],
        "faults": sorted(sandbox.faults.names),
        "happened": dict(sandbox.faults.happened),
    }


def _channel(sandbox: World, channel: Channel) -> dict[str, Any]:
    messages = channel.messages[-SNAPSHOT_SIZE:]
    return {
        "id": channel.id,
        "name": channel.name,
        "private": channel.private,
        "archived": channel.archived,
        "has_bot": channel.has_bot,
        "messages": [_message(sandbox, message) for message in messages],
    }


def _message(sandbox: World, message: Message) -> dict[str, Any]:
    author = sandbox.slack.author(message)
    person = sandbox.slack.people.get(message.user or "")
    shown = message_object(message, metadata=True)
    return shown | {"author": person.real_name if person else author, "app": bool(message.bot_id)}


def _post(post: Post) -> dict[str, Any]:
    return {
        "id": str(post.history[0]),
        "text": post.text,
        "author": post.author.username,
        "name": post.author.name,
        "at": post.created_at,
        "edited": len(post.history) > 1,
    }


class Feed:
    """Sends every change to all open pages."""

    def __init__(self, sandbox: World) -> None:
        self._sandbox = sandbox
        self._pages: set[asyncio.Queue[bytes | None]] = set()
        sandbox.slack.listeners.append(self._on_message)
        sandbox.log.listeners.append(self._on_entry)

    def stop(self) -> None:
        """End every feed."""
        for page in self._pages:
            page.put_nowait(None)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """GET /sandbox/events: server-sent events until the page disconnects."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        page: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pages.add(page)
        try:
            await response.write(b": open\n\n")
            while True:
                event = await within(self._sandbox.clock, KEEPALIVE_S, _next(page))
                if event == b"":
                    return response
                await response.write(b": still here\n\n" if event is None else event)
        except ConnectionError:
            return response
        finally:
            self._pages.discard(page)

    def _send(self, event: dict[str, Any]) -> None:
        if self._pages:
            line = b"data: " + orjson.dumps(event) + b"\n\n"
            for page in self._pages:
                page.put_nowait(line)

    def _on_message(self, kind: str, message: Message, *_: object) -> None:
        if self._pages:
            self._send(
                {
                    "type": "slack",
                    "kind": kind,
                    "channel": message.channel.id,
                    "message": _message(self._sandbox, message),
                }
            )

    def _on_entry(self, entry: Entry) -> None:
        if isinstance(entry, Put) and entry.platform == "x":
            post = self._sandbox.x.find_version(int(entry.revision))
            if post is not None:
                self._send({"type": "x", "kind": entry.kind, "post": _post(post)})
        elif isinstance(entry, Fault):
            self._send({"type": "fault", "name": entry.name, "where": entry.where})


async def _next(page: asyncio.Queue[bytes | None]) -> bytes:
    return await page.get() or b""

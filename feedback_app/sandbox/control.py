"""The control API under `/sandbox/`, used by tests and the page."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from feedback_app.sandbox.http import json_response
from feedback_app.sandbox.player import Item, Player
from feedback_app.sandbox.view import snapshot
from feedback_app.sandbox.world import World

Action = Callable[..., object]


class Control:
    """Serves the control API; each action is a POST with a JSON object."""

    def __init__(self, sandbox: World) -> None:
        self._sandbox = sandbox
        self._players: list[tuple[Player, asyncio.Task[None]]] = []

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the control API."""
        return [
            web.get("/sandbox/state", self._state),
            web.get("/sandbox/progress", self._progress),
            web.post("/sandbox/{action:.+}", self._act),
        ]

    async def stop(self) -> None:
        """Stop the players."""
        for _, task in self._players:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._players), return_exceptions=True)

    def _actions(self) -> Mapping[str, tuple[Action, str | None]]:
        """Return each action with the response field for its result, if any."""
        x, slack = self._sandbox.x, self._sandbox.slack
        return {
            "x/post": (x.post, "id"),
            "x/edit": (x.edit, "id"),
            "x/delete": (x.delete, None),
            "x/revoke": (x.revoke_token, None),
            "x/cut": (x.stream.cut, None),
            "slack/say": (slack.say, "ts"),
            "slack/say-as-bot": (slack.say_as_bot, "ts"),
            "slack/edit": (slack.edit, "ts"),
            "slack/delete": (slack.delete, None),
            "slack/join": (slack.join, None),
            "slack/create": (lambda **more: slack.create(**more).id, "id"),
            "slack/archive": (slack.archive, None),
            "slack/remove-bot": (slack.remove_bot, None),
            "slack/add-bot": (slack.add_bot, None),
            "slack/revoke": (slack.revoke_tokens, None),
            "slack/scopes": (slack.set_scopes, None),
            "slack/limit": (slack.limit, None),
            "slack/press": (slack.press, None),
            "slack/cut": (slack.sockets.cut, "connections"),
            "faults": (self._sandbox.faults.set, None),
            "play": (self._play, "total"),
        }

    async def _act(self, request: web.Request) -> web.Response:
        name = request.match_info["action"]
        found = self._actions().get(name)
        if found is None:
            return json_response({"error": f"no action {name}"}, 404)
        if request.content_type != "application/json":
            # Cross-site pages can send forms and plain text without preflight, but not JSON.
            return json_response({"error": "send application/json"}, 415)
        action, result = found
        try:
            arguments = orjson.loads(await request.read() or b"{}")
            value = action(**arguments)
        except KeyError as error:
            return json_response({"error": f"not found: {error.args[0]}"}, 404)
        except (TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response({} if result is None else {result: value})

    async def _state(self, _: web.Request) -> web.Response:
        return json_response(snapshot(self._sandbox))

    async def _progress(self, _: web.Request) -> web.Response:
        """GET /sandbox/progress: the progress of the players and the pending deliveries."""
        progress = [player.progress for player, _ in self._players]
        return json_response(
            {
                "put": sum(each.put for each in progress),
                "total": sum(each.total for each in progress),
                "done": all(each.done for each in progress),
                "connections": len(self._sandbox.slack.sockets.connections),
                "deliveries": len(self._sandbox.slack.sockets.pending),
            }
        )

    def _play(self, items: list[dict[str, Any]], **more: Any) -> int:
        player = Player(self._sandbox, [Item.model_validate(item) for item in items], **more)
        task = asyncio.get_running_loop().create_task(player.run())
        self._players.append((player, task))
        return player.progress.total

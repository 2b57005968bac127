"""X's filtered stream and its rules."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from feedback_app.sandbox.clock import Clock, within
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.http import json_response
from feedback_app.sandbox.log import Given, Log
from feedback_app.sandbox.malformed import X_SHAPES, x_post
from feedback_app.sandbox.x.answers import PROBLEMS, includes, invalid, post_object, rfc3339
from feedback_app.sandbox.x.gate import Refusal
from feedback_app.sandbox.x.query import Match, QueryError, compile_query
from feedback_app.sandbox.x.search import list_parameter, reject_unknown
from feedback_app.sandbox.x.state import Post, XState

MAX_RULES = 1000
MAX_RULE_LENGTH = 1024


@dataclass(frozen=True)
class Rule:
    """One rule of the stream."""

    id: str
    value: str
    tag: str | None
    match: Match

    def as_dict(self) -> dict[str, str]:
        """Return the rule as JSON; `tag` is omitted if there is none."""
        body = {"id": self.id, "value": self.value}
        return body if self.tag is None else body | {"tag": self.tag}


class Stream:
    """The single connection of the filtered stream, and the rules."""

    def __init__(
        self,
        state: XState,
        clock: Clock,
        faults: Faults,
        log: Log,
        keepalive_s: float,
    ) -> None:
        self.rules: dict[str, Rule] = {}
        self.connections = 0
        self._state = state
        self._clock = clock
        self._faults = faults
        self._log = log
        self._keepalive_s = keepalive_s
        self._next_id = 1_700_000_000_000_000_001
        self._end: Callable[[bytes | None], None] | None = None

    def cut(self, line: dict[str, Any] | None = None) -> None:
        """Close the connection, after sending the in-stream error `line`, if any."""
        if self._end is not None:
            self._end(None if line is None else orjson.dumps(line))

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """GET /2/tweets/search/stream: send lines until the client or the server disconnects."""
        reject_unknown(request, ("tweet.fields", "user.fields", "expansions"))
        fields, expansions = (
            list_parameter(request, "tweet.fields"),
            list_parameter(request, "expansions"),
        )
        users = list_parameter(request, "user.fields")
        if not self.rules:
            raise Refusal(
                409,
                {
                    "title": "RuleConfigurationIssue",
                    "detail": "You must define rules on your stream before connecting.",
                    "type": PROBLEMS + "rule-configuration",
                },
            )
        if self.connections:
            raise Refusal(
                429,
                {
                    "title": "ConnectionException",
                    "detail": "This stream is currently at the maximum allowed connection limit.",
                    "connection_issue": "TooManyConnections",
                    "type": PROBLEMS + "streaming-connection",
                },
                "TooManyConnections",
            )
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()

        def enqueue(post: Post) -> None:
            matching = [rule for rule in self.rules.values() if rule.match(post)]
            if not matching:
                return
            line: dict[str, Any] = {"data": post_object(post, fields)}
            extra = includes([post], expansions, users)
            if extra is not None:
                line["includes"] = extra
            line["matching_rules"] = [{"id": rule.id, "tag": rule.tag} for rule in matching]
            self._send(lines, line)

        def end(last: bytes | None) -> None:
            if last is not None:
                lines.put_nowait(last)
            lines.put_nowait(None)

        self.connections += 1
        self._end = end
        self._state.listeners.append(enqueue)
        try:
            return await self._write_lines(request, lines)
        finally:
            self._state.listeners.remove(enqueue)
            self._end = None
            self.connections -= 1

    def _send(self, lines: asyncio.Queue[bytes | None], line: dict[str, Any]) -> None:
        self._log.write(Given(platform="x", via="stream", ids=(line["data"]["id"],)))
        lines.put_nowait(orjson.dumps(line))
        if self._faults.hit("duplicate", "x", "stream"):
            lines.put_nowait(orjson.dumps(line))
        if self._faults.due("odd"):
            shape = self._faults.pick(X_SHAPES)
            lines.put_nowait(orjson.dumps(line | {"data": x_post(shape, line["data"])}))
            self._faults.note("odd", "x", "stream", shape)
        if self._faults.hit("disconnect", "x", "stream"):
            # Queued after the posts: the fault does not lose a post that was logged as sent.
            lines.put_nowait(None)

    async def _write_lines(
        self, request: web.Request, lines: asyncio.Queue[bytes | None]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        try:
            await response.prepare(request)
            while True:
                line = await within(self._clock, self._keepalive_s, self._next(lines))
                if line == b"":
                    await response.write_eof()
                    return response
                await response.write((line or b"") + b"\r\n")
        except ConnectionError:
            return response

    @staticmethod
    async def _next(lines: asyncio.Queue[bytes | None]) -> bytes:
        return await lines.get() or b""

    async def list_rules(self, request: web.Request) -> web.Response:
        """GET /2/tweets/search/stream/rules."""
        reject_unknown(request, ("ids", "max_results", "pagination_token"))
        requested = request.query.get("ids")
        chosen = [
            rule.as_dict()
            for rule in self.rules.values()
            if requested is None or rule.id in requested.split(",")
        ]
        meta = {"sent": rfc3339(self._clock.now()), "result_count": len(chosen)}
        return json_response({"data": chosen, "meta": meta} if chosen else {"meta": meta})

    async def change_rules(self, request: web.Request) -> web.Response:
        """POST /2/tweets/search/stream/rules."""
        reject_unknown(request, ("dry_run", "delete_all"))
        try:
            body = orjson.loads(await request.read())
            dry = request.query.get("dry_run") == "true"
            if "delete" in body:
                return self._delete(body["delete"], dry)
            return self._add(body["add"], dry)
        except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError):
            message = "The body must have `add` or `delete`"
            raise Refusal(400, invalid("body", "", message)) from None

    def _add(self, wanted: list[dict[str, str]], dry: bool) -> web.Response:
        added: list[Rule] = []
        errors: list[dict[str, Any]] = []
        present = {rule.value: rule.id for rule in self.rules.values()}
        for each in wanted:
            value = each["value"]
            try:
                if not 1 <= len(value) <= MAX_RULE_LENGTH:
                    raise QueryError(f"a rule has 1 to {MAX_RULE_LENGTH} characters")
                match = compile_query(value)
            except QueryError as error:
                errors.append(_rule_error(value, "Invalid", "invalid-rules", str(error)))
                continue
            if value in present:
                errors.append(
                    _rule_error(value, "DuplicateRule", "duplicate-rules") | {"id": present[value]}
                )
                continue
            if len(self.rules) + len(added) >= MAX_RULES:
                errors.append(_rule_error(value, "RulesCapExceeded", "rule-cap"))
                continue
            self._next_id += 1
            added.append(Rule(str(self._next_id), value, each.get("tag"), match))
            present[value] = added[-1].id
        if not dry:
            self.rules |= {rule.id: rule for rule in added}
        summary = {
            "created": len(added),
            "not_created": len(errors),
            "valid": len(added),
            "invalid": len(errors),
        }
        return self._rules_response([rule.as_dict() for rule in added], summary, errors, 201)

    def _delete(self, wanted: dict[str, list[str]], dry: bool) -> web.Response:
        ids = set(wanted.get("ids", []))
        values = set(wanted.get("values", []))
        gone = [rule for rule in self.rules.values() if rule.id in ids or rule.value in values]
        if not dry:
            for rule in gone:
                del self.rules[rule.id]
        missed = len(ids) + len(values) - len(gone)
        return self._rules_response([], {"deleted": len(gone), "not_deleted": missed}, [], 200)

    def _rules_response(
        self,
        data: list[dict[str, str]],
        summary: dict[str, int],
        errors: list[dict[str, Any]],
        status: int,
    ) -> web.Response:
        body: dict[str, Any] = {"meta": {"sent": rfc3339(self._clock.now()), "summary": summary}}
        if data:
            body["data"] = data
        if errors:
            body["errors"] = errors
        return json_response(body, status)


def _rule_error(value: str, title: str, kind: str, detail: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"value": value, "title": title, "type": PROBLEMS + kind}
    return body if detail is None else body | {"details": [detail]}

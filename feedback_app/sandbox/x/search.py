"""X's recent search and lookup by id."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from aiohttp import web

from feedback_app.sandbox.clock import Clock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.http import json_response
from feedback_app.sandbox.log import Given, Log
from feedback_app.sandbox.malformed import X_SHAPES, x_post
from feedback_app.sandbox.x.answers import (
    EXPANSIONS,
    POST_FIELDS,
    PROBLEMS,
    USER_FIELDS,
    includes,
    invalid,
    post_object,
    rfc3339,
)
from feedback_app.sandbox.x.gate import Refusal
from feedback_app.sandbox.x.query import QueryError, compile_query
from feedback_app.sandbox.x.state import Post, XState, snowflake

REACH_S = 7 * 86400.0
"""How far back recent search reaches, in seconds."""
QUERY_LENGTH = 512
END_TIME_MIN_AGE_S = 10.0
"""Minimum age of `end_time` at the time of the request, in seconds."""

_FIELDS = ("tweet.fields", "user.fields", "expansions")
_SEARCH_PARAMETERS = (
    "query",
    "start_time",
    "end_time",
    "since_id",
    "until_id",
    "max_results",
    "next_token",
    "pagination_token",
    "sort_order",
    *_FIELDS,
    "media.fields",
    "place.fields",
    "poll.fields",
)
_ALLOWED = {
    "tweet.fields": POST_FIELDS,
    "user.fields": USER_FIELDS,
    "expansions": EXPANSIONS,
}


def list_parameter(request: web.Request, name: str) -> list[str]:
    """Return a comma-separated parameter as a list; raises Refusal for an invalid value."""
    values = [value for value in request.query.get(name, "").split(",") if value]
    allowed = _ALLOWED[name]
    for value in values:
        if value not in allowed:
            message = (
                f"The `{name}` query parameter value [{value}] is not one of "
                f"[{','.join(sorted(allowed))}]"
            )
            raise Refusal(400, invalid(name, value, message))
    return values


def reject_unknown(request: web.Request, names: Iterable[str]) -> None:
    """Raise Refusal if the request has a parameter that is not in `names`."""
    names = tuple(names)
    for name, value in request.query.items():
        if name not in names:
            message = f"The query parameter [{name}] is not one of [{','.join(names)}]"
            raise Refusal(400, invalid(name, value, message))


class Search:
    """The endpoints that find posts."""

    def __init__(self, state: XState, clock: Clock, faults: Faults, log: Log) -> None:
        self._state = state
        self._clock = clock
        self._faults = faults
        self._log = log
        self._returned_ids: set[int] = set()

    async def recent(self, request: web.Request) -> web.Response:
        """GET /2/tweets/search/recent."""
        reject_unknown(request, _SEARCH_PARAMETERS)
        text = request.query.get("query", "")
        if not text or len(text) > QUERY_LENGTH:
            message = f"The `query` query parameter length must be between 1 and {QUERY_LENGTH}"
            raise Refusal(400, invalid("query", text, message))
        try:
            match = compile_query(text)
        except QueryError as error:
            raise Refusal(400, invalid("query", text, str(error))) from None
        limit = self._max_results(request)
        since, until = self._bounds(request)
        found = (post for post in self._state.searchable(since, until) if match(post))
        page = list(islice(found, limit + 1))
        more, page = len(page) > limit, page[:limit]
        return self._page(request, page, more, limit)

    async def lookup(self, request: web.Request) -> web.Response:
        """GET /2/tweets?ids=…"""
        reject_unknown(request, ("ids", *_FIELDS))
        ids = request.query.get("ids", "").split(",")
        if not 1 <= len(ids) <= 100 or not all(id.isdecimal() and len(id) < 20 for id in ids):
            message = "The `ids` query parameter must be a list of 1 to 100 ids"
            raise Refusal(400, invalid("ids", request.query.get("ids", ""), message))
        posts = [post for id in ids if (post := self._state.get(int(id))) is not None]
        found = {str(post.id) for post in posts}
        body = self._body(request, posts)
        errors = [_not_found(id) for id in ids if id not in found]
        if errors:
            body["errors"] = errors
        if not posts:
            body.pop("data")
        self._log.write(Given(platform="x", via="lookup", ids=tuple(found)))
        return json_response(body)

    def _max_results(self, request: web.Request) -> int:
        text = request.query.get("max_results", "10")
        if not text.isdecimal() or not 10 <= int(text) <= 100:
            message = f"The `max_results` query parameter value [{text}] is not between 10 and 100"
            raise Refusal(400, invalid("max_results", text, message))
        return int(text)

    def _bounds(self, request: web.Request) -> tuple[int, int]:
        """Return the lower and upper id of the posts, both exclusive."""
        query, now = request.query, self._clock.now()
        oldest = now - REACH_S
        since, until = snowflake(oldest) - 1, 1 << 63
        if "since_id" in query:
            since = self._id(request, "since_id")
            if since < snowflake(oldest):
                message = (
                    f"'since_id' must be a tweet id created after [{rfc3339(oldest)}]. "
                    f"Please use a 'since_id' that is larger than {snowflake(oldest)}"
                )
                raise Refusal(400, invalid("since_id", query["since_id"], message))
        elif "start_time" in query:
            start = self._time(request, "start_time")
            if start < oldest:
                message = (
                    f"Invalid 'start_time':'{query['start_time']}'. 'start_time' must be on or "
                    f"after {rfc3339(oldest)}"
                )
                raise Refusal(400, invalid("start_time", query["start_time"], message))
            since = snowflake(start) - 1
        if "until_id" in query:
            until = self._id(request, "until_id")
        elif "end_time" in query:
            end = self._time(request, "end_time")
            if end > now - END_TIME_MIN_AGE_S:
                message = (
                    f"Invalid 'end_time':'{query['end_time']}'. 'end_time' must be a minimum of "
                    "10 seconds prior to the request time"
                )
                raise Refusal(400, invalid("end_time", query["end_time"], message))
            until = snowflake(end)
        token = query.get("next_token") or query.get("pagination_token")
        if token:
            until = min(until, _decode_token(token))
        return since, until

    def _id(self, request: web.Request, name: str) -> int:
        text = request.query[name]
        if not re.fullmatch(r"[0-9]{1,19}", text):
            message = f"The `{name}` query parameter value [{text}] is not valid"
            raise Refusal(400, invalid(name, text, message))
        return int(text)

    def _time(self, request: web.Request, name: str) -> float:
        text = request.query[name]
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", text):
            try:
                return datetime.fromisoformat(text).timestamp()
            except ValueError:
                pass
        message = f"The `{name}` query parameter value [{text}] is not a valid RFC 3339 timestamp"
        raise Refusal(400, invalid(name, text, message))

    def _body(self, request: web.Request, posts: list[Post]) -> dict[str, Any]:
        fields, expansions = (
            list_parameter(request, "tweet.fields"),
            list_parameter(request, "expansions"),
        )
        body: dict[str, Any] = {"data": [post_object(post, fields) for post in posts]}
        extra = includes(posts, expansions, list_parameter(request, "user.fields"))
        return body if extra is None else body | {"includes": extra}

    def _page(
        self, request: web.Request, posts: list[Post], more: bool, limit: int
    ) -> web.Response:
        body = self._body(request, posts)
        meta: dict[str, Any] = {"result_count": len(posts)}
        if posts:
            meta |= {"newest_id": str(posts[0].id), "oldest_id": str(posts[-1].id)}
        else:
            body.pop("data")
        if more:
            meta["next_token"] = _encode_token(posts[-1].id)
        ids = tuple(str(post.id) for post in posts)
        self._log.write(Given(platform="x", via="search", ids=ids))
        fresh = [post.id for post in posts if post.id not in self._returned_ids]
        self._returned_ids.update(fresh)
        # Add extra items only to new posts on a last page that is neither full nor slow:
        # a client that stops paging early then cannot miss one.
        if fresh and not more and not request.get("slow"):
            self._add_faults(body["data"], limit)
            meta["result_count"] = len(body["data"])
        return json_response(body | {"meta": meta})

    def _add_faults(self, data: list[Any], limit: int) -> None:
        if len(data) < limit and self._faults.due("odd"):
            shape = self._faults.pick(X_SHAPES)
            data.insert(len(data) // 2, x_post(shape, data[0]))
            self._faults.note("odd", "x", "search", shape)
        if len(data) < limit and self._faults.hit("duplicate", "x", "search"):
            data.append(data[0])


def _not_found(id: str) -> dict[str, Any]:
    return {
        "value": id,
        "detail": f"Could not find tweet with ids: [{id}].",
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": "ids",
        "resource_id": id,
        "type": PROBLEMS + "resource-not-found",
    }


def _encode_token(last: int) -> str:
    return urlsafe_b64encode(f"before:{last}".encode()).decode().rstrip("=")


def _decode_token(token: str) -> int:
    try:
        text = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(text.removeprefix("before:"))
    except ValueError:
        message = f"The `next_token` query parameter value [{token}] is not valid"
        raise Refusal(400, invalid("next_token", token, message)) from None

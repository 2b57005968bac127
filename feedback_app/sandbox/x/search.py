"""Recent search and look-up by id, as X answers them."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from aiohttp import web

from feedback_app.sandbox.clock import Clock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.http import answer
from feedback_app.sandbox.log import Given, Log
from feedback_app.sandbox.odd import X_SHAPES, x_post
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
LATEST_END_S = 10.0
"""How long before the request `end_time` must lie, in seconds."""

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


def listed(request: web.Request, name: str) -> list[str]:
    """Return a comma-separated parameter as a list; raises Refusal for a value X does not know."""
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


def known_only(request: web.Request, names: Iterable[str]) -> None:
    """Raise Refusal where the request has a parameter that is not in `names`."""
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
        self._given: set[int] = set()

    async def recent(self, request: web.Request) -> web.Response:
        """GET /2/tweets/search/recent."""
        known_only(request, _SEARCH_PARAMETERS)
        text = request.query.get("query", "")
        if not text or len(text) > QUERY_LENGTH:
            message = f"The `query` query parameter length must be between 1 and {QUERY_LENGTH}"
            raise Refusal(400, invalid("query", text, message))
        try:
            match = compile_query(text)
        except QueryError as error:
            raise Refusal(400, invalid("query", text, str(error))) from None
        most = self._most(request)
        since, until = self._bounds(request)
        found = (post for post in self._state.searchable(since, until) if match(post))
        page = list(islice(found, most + 1))
        more, page = len(page) > most, page[:most]
        return self._page(request, page, more, most)

    async def lookup(self, request: web.Request) -> web.Response:
        """GET /2/tweets?ids=…"""
        known_only(request, ("ids", *_FIELDS))
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
        return answer(body)

    def _most(self, request: web.Request) -> int:
        text = request.query.get("max_results", "10")
        if not text.isdecimal() or not 10 <= int(text) <= 100:
            message = f"The `max_results` query parameter value [{text}] is not between 10 and 100"
            raise Refusal(400, invalid("max_results", text, message))
        return int(text)

    def _bounds(self, request: web.Request) -> tuple[int, int]:
        """Return the ids between which the posts lie, both exclusive."""
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
            if end > now - LATEST_END_S:
                message = (
                    f"Invalid 'end_time':'{query['end_time']}'. 'end_time' must be a minimum of "
                    "10 seconds prior to the request time"
                )
                raise Refusal(400, invalid("end_time", query["end_time"], message))
            until = snowflake(end)
        token = query.get("next_token") or query.get("pagination_token")
        if token:
            until = min(until, _page_start(token))
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
        fields, expansions = listed(request, "tweet.fields"), listed(request, "expansions")
        body: dict[str, Any] = {"data": [post_object(post, fields) for post in posts]}
        extra = includes(posts, expansions, listed(request, "user.fields"))
        return body if extra is None else body | {"includes": extra}

    def _page(self, request: web.Request, posts: list[Post], more: bool, most: int) -> web.Response:
        body = self._body(request, posts)
        meta: dict[str, Any] = {"result_count": len(posts)}
        if posts:
            meta |= {"newest_id": str(posts[0].id), "oldest_id": str(posts[-1].id)}
        else:
            body.pop("data")
        if more:
            meta["next_token"] = _token(posts[-1].id)
        ids = tuple(str(post.id) for post in posts)
        self._log.write(Given(platform="x", via="search", ids=ids))
        fresh = [post.id for post in posts if post.id not in self._given]
        self._given.update(fresh)
        # Extra items come with new posts only, in a last page that is not full and not late:
        # a client that gives up in the middle of its pages cannot lose one of them.
        if fresh and not more and not request.get("slow"):
            self._add_faults(body["data"], most)
            meta["result_count"] = len(body["data"])
        return answer(body | {"meta": meta})

    def _add_faults(self, data: list[Any], most: int) -> None:
        if len(data) < most and self._faults.due("odd"):
            shape = self._faults.pick(X_SHAPES)
            data.insert(len(data) // 2, x_post(shape, data[0]))
            self._faults.note("odd", "x", "search", shape)
        if len(data) < most and self._faults.hit("duplicate", "x", "search"):
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


def _token(last: int) -> str:
    return urlsafe_b64encode(f"before:{last}".encode()).decode().rstrip("=")


def _page_start(token: str) -> int:
    try:
        text = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(text.removeprefix("before:"))
    except ValueError:
        message = f"The `next_token` query parameter value [{token}] is not valid"
        raise Refusal(400, invalid("next_token", token, message)) from None

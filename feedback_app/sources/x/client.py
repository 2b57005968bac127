"""The X API through tweepy: another host where asked, and one place that names every failure."""

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

import aiohttp
import orjson
from pydantic import SecretStr
from tweepy.asynchronous import AsyncClient

from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError, Settings
from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.x.posts import EXPANSIONS, POST_FIELDS, USER_FIELDS

DEPENDENCY = "x"
TWEEPY_HOST = "https://api.twitter.com"
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10, sock_read=20)
UNKNOWN_RESET_S = 60.0
LONGEST_RESET_S = 960.0
DENIED_RETRY_S = 60.0


def fault(status: int, reset: str | None, body: bytes, now: float) -> SourceFault:
    """Return the fault of an answer that is not a success.

    `reset` is the header x-rate-limit-reset, in Unix seconds, if there was one.
    """
    words = _words(body)
    if status == 429:
        wait = UNKNOWN_RESET_S
        if reset is not None and reset.isascii() and reset.isdigit():
            wait = min(max(int(reset) - now + 1, 1.0), LONGEST_RESET_S)
        return SourceFault(DEPENDENCY, f"X asks to wait {wait:.0f} s (429)", wait, "rate_limited")
    if status == 401:
        message = (
            "X refuses the bearer token (401): set FEEDBACK_X_BEARER_TOKEN to the present token "
            "of the app"
        )
        return SourceFault(DEPENDENCY, f"{message}{words}", DENIED_RETRY_S, "unauthorised")
    if status == 403:
        message = (
            "X forbids this to the app (403): its access level is too low, or it is not attached "
            "to a project"
        )
        return SourceFault(DEPENDENCY, f"{message}{words}", DENIED_RETRY_S, "unauthorised")
    if status == 400:
        return SourceFault(DEPENDENCY, f"X refuses the request (400){words}", DENIED_RETRY_S)
    return SourceFault(DEPENDENCY, f"X answers with {status}{words}")


def _words(body: bytes) -> str:
    """Return X's own explanation, if the body has one."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(found, dict):
        return ""
    errors = found.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    words = [found.get("detail"), first.get("message") if isinstance(first, dict) else None]
    text = "; ".join(word for word in words if isinstance(word, str))
    return f": {text[:300]}" if text else ""


class _Request:
    """A request in flight: reads the answer and raises SourceFault unless it is a success."""

    def __init__(self, request: Any, clock: Callable[[], float], limited: Callable[..., None]):
        self._request, self._clock, self._limited = request, clock, limited

    async def __aenter__(self) -> aiohttp.ClientResponse:
        try:
            response: aiohttp.ClientResponse = await self._request.__aenter__()
            body = await response.read()
        except TimeoutError:
            raise SourceFault(DEPENDENCY, "X does not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SourceFault(DEPENDENCY, f"X cannot be reached: {type(error).__name__}") from None
        if not 200 <= response.status < 300:
            reset = response.headers.get("x-rate-limit-reset")
            raised = fault(response.status, reset, body, self._clock())
            if raised.state == "rate_limited":
                self._limited(raised.retry_after)
            raise raised
        try:
            # Not with orjson, which refuses a whole page for a lone surrogate in one post.
            json.loads(body)
        except (ValueError, RecursionError):
            raise SourceFault(DEPENDENCY, "X answers with something that is not JSON") from None
        return response

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._request.__aexit__(kind, error, trace)


class Session:
    """Stands in for tweepy's aiohttp session: rewrites the host and adds the token.

    The token is added here because tweepy would log one that it is given.
    """

    def __init__(
        self,
        base: str,
        token: SecretStr,
        clock: Callable[[], float],
        timeout: aiohttp.ClientTimeout,
    ) -> None:
        self._base, self._token, self._clock = base.rstrip("/"), token, clock
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._blocked: dict[str, float] = {}

    def request(self, method: str, url: str, *, headers: dict[str, str], **rest: Any) -> _Request:
        """Begin a request; raises SourceFault at once while a wait that X asked for lasts."""
        path = str(url).removeprefix(TWEEPY_HOST).partition("?")[0]
        if (left := self._blocked.get(path, 0.0) - self._clock()) > 0:
            message = f"X asked to wait, {left:.0f} s are left (429)"
            raise SourceFault(DEPENDENCY, message, left, "rate_limited")
        target = str(url).replace(TWEEPY_HOST, self._base, 1)
        headers = headers | {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        begun = self.raw().request(method, target, headers=headers, **rest)

        def limited(wait: float) -> None:
            self._blocked[path] = self._clock() + wait

        return _Request(begun, self._clock, limited)

    def raw(self) -> aiohttp.ClientSession:
        """Return the plain session, opened on first use; for hosts other than X's."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class XClient:
    """tweepy's async client. Every failure is a SourceFault of the dependency `x`."""

    def __init__(
        self,
        token: SecretStr,
        api_url: str,
        clock: Callable[[], float],
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self.session = Session(api_url, token, clock, timeout)
        # dict: shapes are checked here, item by item, so that a malformed one costs only itself.
        self.tweepy = AsyncClient(bearer_token="-", return_type=dict)  # noqa: S106
        self.tweepy.session = self.session

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> "XClient":
        """Return a client by the settings; raises ConfigurationError where the token is missing."""
        if settings.x_bearer_token is None:
            raise ConfigurationError(
                "FEEDBACK_X_BEARER_TOKEN is needed to read X: copy it from the keys and tokens of "
                "the app"
            )
        return cls(settings.x_bearer_token, settings.x_api_url, clock.time)

    async def search(
        self,
        query: str,
        *,
        since: int,
        until: int | None = None,
        next_token: str | None = None,
        most: int = 100,
    ) -> object:
        """Return the decoded answer of recent search between two ids, both exclusive."""
        return await ask(
            self.tweepy.search_recent_tweets(
                query,
                since_id=str(since),
                until_id=None if until is None else str(until),
                next_token=next_token,
                max_results=most,
                tweet_fields=POST_FIELDS,
                expansions=EXPANSIONS,
                user_fields=USER_FIELDS,
            )
        )

    async def close(self) -> None:
        """Close the connections."""
        await self.session.close()


async def ask(call: Any) -> object:
    """Await a call of tweepy and return its answer; raises SourceFault."""
    try:
        return await call
    except TransientError:
        raise
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise SourceFault(DEPENDENCY, f"X cannot be reached: {type(error).__name__}") from None

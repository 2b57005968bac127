"""What certainly became of a request to Slack; pure."""

from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from slack_sdk.errors import SlackApiError


class Done(NamedTuple):
    """Slack said `ok:true`; `ts` names the message."""

    ts: str


class NotDone(NamedTuple):
    """Certainly nothing happened, and a later attempt can pass."""

    error: str
    retry_after: float | None = None
    """Seconds that Slack asked for, if it did."""


class Refused(NamedTuple):
    """Certainly nothing happened, and this request will never pass."""

    error: str
    """Slack's word for it."""
    whole_channel: bool
    """Whether no message passes into this channel, rather than this message only."""


class Uncertain(NamedTuple):
    """It may have happened."""

    error: str


Outcome = Done | NotDone | Refused | Uncertain

CHANNEL_ERRORS = frozenset(
    (
        "access_denied",
        "channel_not_found",
        "channel_type_not_supported",
        "ekm_access_denied",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "method_not_supported_for_channel_type",
        "missing_scope",
        "no_permission",
        "not_in_channel",
        "not_allowed_token_type",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
    )
)
"""Words of Slack that hold for every message into a channel until a person mends it."""

OUTSIDE_ERRORS = frozenset(
    (
        "accesslimited",
        "account_inactive",
        "enterprise_is_restricted",
        "external_channel_migrating",
        "invalid_auth",
        "message_limit_exceeded",
        "not_authed",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "team_added_to_org",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
        "update_failed",
    )
)
"""Words of Slack that hold for every request until Slack or a person mends it: waited out."""

UNCERTAIN_ERRORS = frozenset(("fatal_error", "internal_error", "service_unavailable"))
"""Words of Slack that leave open whether a part was carried out."""

DEFAULT_RETRY_AFTER_S = 1.0


class Withheld(Exception):
    """The request was given up before any of it was sent."""


UNSENT_ERRORS = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    Withheld,
)
"""Refused, no route, no such host, TLS, no connection in time: nothing of the request was sent."""


def of_word(error: str) -> Outcome:
    """Return what an `ok:false` with this word means."""
    if error in CHANNEL_ERRORS:
        return Refused(error, whole_channel=True)
    if error in OUTSIDE_ERRORS:
        return NotDone(error)
    if error in UNCERTAIN_ERRORS:
        return Uncertain(error)
    return Refused(error, whole_channel=False)


def of_error(error: Exception) -> Outcome:
    """Return what an exception of the SDK or its HTTP client means."""
    if isinstance(error, SlackApiError):
        return _of_response(error)
    if isinstance(error, UNSENT_ERRORS):
        return NotDone(f"{type(error).__name__}: {error}")
    return Uncertain(f"{type(error).__name__}: {error}".rstrip(": "))


def _of_response(error: SlackApiError) -> Outcome:
    response = error.response
    # The SDK hands over its own response, or aiohttp's where the body could not be read.
    status = getattr(response, "status_code", getattr(response, "status", 0))
    if status == 429:
        return NotDone("ratelimited", retry_after(getattr(response, "headers", {})))
    data = getattr(response, "data", None)
    word = data.get("error") if isinstance(data, dict) else None
    if status != 200 or not isinstance(word, str):
        return Uncertain(f"HTTP {status}")
    return of_word(word)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a 429 asks to wait."""
    try:
        return max(0.0, float(headers.get("Retry-After", DEFAULT_RETRY_AFTER_S)))
    except ValueError:
        return DEFAULT_RETRY_AFTER_S

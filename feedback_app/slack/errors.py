"""What a failed call to Slack means: one table of Slack's error words, one reading of a failure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

import aiohttp
from slack_sdk.errors import SlackApiError

from feedback_app.hop.errors import TransientError
from feedback_app.slack.guard import Withheld

DEPENDENCY = "slack"
UNKNOWN_RETRY_S = 30.0
"""How long a caller that can wait does so after a 429 that does not say."""


class Meaning(Enum):
    """What an error says about this request and those that follow."""

    CHANNEL = auto()
    """Nothing was done, and nothing passes into this channel until a person fixes it."""
    TRANSIENT = auto()
    """Nothing was done, and every request fails until Slack or a person fixes it: retry."""
    UNCERTAIN = auto()
    """A part may have been carried out."""
    GONE = auto()
    """Nothing was done: the message that the request is about does not exist any more."""
    MESSAGE = auto()
    """Nothing was done, and this request will never pass; others may."""


class Word(NamedTuple):
    """One of Slack's error words: its meaning, its remedy, and whether access has to be fixed."""

    meaning: Meaning
    remedy: str = ""
    access: bool = False
    """Whether the token or its scopes are the problem."""


_CHANNEL, _TRANSIENT = Word(Meaning.CHANNEL), Word(Meaning.TRANSIENT)
_UNCERTAIN, _MESSAGE = Word(Meaning.UNCERTAIN), Word(Meaning.MESSAGE)

WORDS: Mapping[str, Word] = {
    "access_denied": _CHANNEL,
    "channel_not_found": Word(
        Meaning.CHANNEL, "check its name; the bot sees a private channel only as a member"
    ),
    "channel_type_not_supported": _CHANNEL,
    "ekm_access_denied": _CHANNEL,
    "is_archived": Word(Meaning.CHANNEL, "unarchive it or take another"),
    "is_inactive": _CHANNEL,
    "messages_tab_disabled": _CHANNEL,
    "method_not_supported_for_channel_type": _CHANNEL,
    "missing_scope": Word(Meaning.CHANNEL, "add the scope to the app and install it again", True),
    "no_permission": Word(Meaning.CHANNEL, "the token may not do this", True),
    "not_allowed_token_type": Word(
        Meaning.CHANNEL,
        "FEEDBACK_SLACK_BOT_TOKEN takes xoxb-…, FEEDBACK_SLACK_APP_TOKEN xapp-…",
        True,
    ),
    "not_in_channel": Word(Meaning.CHANNEL, "invite the bot to it (in Slack: /invite @the-bot)"),
    "restricted_action": _CHANNEL,
    "restricted_action_non_threadable_channel": _CHANNEL,
    "restricted_action_read_only_channel": _CHANNEL,
    "restricted_action_thread_only_channel": _CHANNEL,
    "team_access_not_granted": _CHANNEL,
    "accesslimited": _TRANSIENT,
    "account_inactive": Word(
        Meaning.TRANSIENT, "the token's user or app was removed: install the app again", True
    ),
    "enterprise_is_restricted": _TRANSIENT,
    "external_channel_migrating": _TRANSIENT,
    "invalid_auth": Word(
        Meaning.TRANSIENT,
        "copy the bot token (xoxb-…) into FEEDBACK_SLACK_BOT_TOKEN and the app-level token "
        "(xapp-…) into FEEDBACK_SLACK_APP_TOKEN",
        True,
    ),
    "message_limit_exceeded": _TRANSIENT,
    "not_authed": Word(
        Meaning.TRANSIENT, "set FEEDBACK_SLACK_BOT_TOKEN and FEEDBACK_SLACK_APP_TOKEN", True
    ),
    "org_login_required": _TRANSIENT,
    "rate_limited": _TRANSIENT,
    "ratelimited": _TRANSIENT,
    "request_timeout": _TRANSIENT,
    "team_added_to_org": _TRANSIENT,
    "token_expired": Word(Meaning.TRANSIENT, "copy the app's present token", True),
    "token_revoked": Word(Meaning.TRANSIENT, "install the app again and copy its new token", True),
    "two_factor_setup_required": _TRANSIENT,
    "update_failed": _TRANSIENT,
    "fatal_error": _UNCERTAIN,
    "internal_error": _UNCERTAIN,
    "service_unavailable": _UNCERTAIN,
    "message_not_found": Word(Meaning.GONE),
    "msg_too_long": Word(Meaning.MESSAGE, "shorten it (Slack takes 40,000 characters)"),
}
"""The words that mean more than that one request is refused, or that have a remedy."""

UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    Withheld,
)
"""Refused, no route, no such host, TLS, no connection in time: nothing of the request was sent."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a call that failed."""

    reason: str
    """Slack's word, `HTTP 502`, or the exception, for logs and records."""
    word: str = ""
    """Slack's word, empty where its answer has none."""
    needed: str = ""
    """The scope that is missing, where Slack names it."""
    status: int = 0
    """The HTTP status, 0 where no answer came."""
    retry_after: float | None = None
    """Seconds that Slack asked for, None where it names none that can be read."""
    exception: str = ""
    """The name of the exception, where no answer came."""
    sent: bool = True
    """False where certainly nothing of the request was sent."""

    @property
    def rate_limited(self) -> bool:
        """Whether requests came too fast."""
        return self.status == 429 or self.word == "ratelimited"

    @property
    def meaning(self) -> Meaning:
        """What it means for the request; what is not understood may have been carried out."""
        if not self.sent or self.status == 429:
            return Meaning.TRANSIENT
        if self.status != 200 or not self.word:
            return Meaning.UNCERTAIN
        return self._known.meaning

    @property
    def access(self) -> bool:
        """Whether the token or its scopes have to be fixed."""
        return self._known.access

    @property
    def remedy(self) -> str:
        """What a person can do, empty where nothing is known."""
        return self._known.remedy

    @property
    def refusal(self) -> str:
        """Slack's word, with the scope that is missing."""
        return f"{self.word} ({self.needed})" if self.needed else self.word

    @property
    def _known(self) -> Word:
        return WORDS.get(self.word, _MESSAGE)

    def explained(self, api_url: str = "") -> str:
        """Return it as a sentence for a person, with the remedy; `api_url` is where Slack was."""
        if self.rate_limited:
            return f"Slack asks to wait {patient(self):.0f} s (429)"
        if self.word:
            return f"Slack refuses: {self.refusal}" + (f": {self.remedy}" if self.remedy else "")
        if self.status:
            return f"Slack answers with {self.status} and no JSON"
        if api_url:
            return f"Slack does not answer at {api_url}: {self.exception}"
        if self.exception == TimeoutError.__name__:
            return "Slack does not answer in time"
        return f"Slack cannot be reached: {self.exception}"


class SlackError(TransientError):
    """A call to Slack that failed; `failure` says how.

    It is a TransientError, because a caller that knows nothing better retries. One that has to
    know whether anything was carried out asks `failure.meaning`.
    """

    def __init__(self, failure: Failure, message: str = "") -> None:
        wait = patient(failure) if failure.rate_limited else None
        super().__init__(DEPENDENCY, message or failure.explained(), wait)
        self.failure = failure


def patient(failure: Failure) -> float:
    """Return the seconds to wait after a 429 for a caller that is in no hurry: at least one."""
    return max(1.0, UNKNOWN_RETRY_S if failure.retry_after is None else failure.retry_after)


def failure_of(error: Exception) -> Failure:
    """Return what an exception of the SDK or its HTTP client tells."""
    if isinstance(error, SlackApiError):
        return _of_response(error)
    name = type(error).__name__
    return Failure(
        f"{name}: {error}".rstrip(": "), exception=name, sent=not isinstance(error, UNSENT)
    )


def _of_response(error: SlackApiError) -> Failure:
    response = error.response
    # The SDK hands over its own response, or aiohttp's where the body could not be read.
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    data = getattr(response, "data", None)
    found = data if isinstance(data, dict) else {}
    word, needed = _text(found.get("error")), _text(found.get("needed"))
    wait = _seconds((getattr(response, "headers", None) or {}).get("Retry-After"))
    if status == 429:
        reason = "ratelimited"
    else:
        reason = word if status == 200 and word else f"HTTP {status}"
    return Failure(reason, word, needed, status, wait)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
